import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.BufferedMutator;
import org.apache.hadoop.hbase.client.BufferedMutatorParams;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.ConnectionFactory;
import org.apache.hadoop.hbase.client.Put;
import org.apache.hadoop.hbase.client.Result;
import org.apache.hadoop.hbase.client.ResultScanner;
import org.apache.hadoop.hbase.client.Scan;
import org.apache.hadoop.hbase.client.Table;
import org.apache.hadoop.hbase.util.Bytes;

/**
 * A bare loop of HBase's own client, rows and values as those of datapoints: {@code HbaseSpeed TABLE CELLS ROUNDS}.
 * Each round puts by a buffered mutator, which batches by server and sends in the background, and scans it all. Prints
 * {@code put SECONDS} and {@code scan SECONDS} for each.
 */
public final class HbaseSpeed {
    private static final byte[] FAMILY = Bytes.toBytes("v");

    public static void main(String[] args) throws Exception {
        TableName name = TableName.valueOf(args[0]);
        int cells = Integer.parseInt(args[1]);
        Configuration conf = HBaseConfiguration.create();
        try (Connection connection = ConnectionFactory.createConnection(conf); Table table = connection.getTable(name)) {
            for (int round = 0; round < Integer.parseInt(args[2]); round++) {
                // Series of their own, so that a scan of a round finds what it put.
                byte[] series = Bytes.add(Bytes.toBytes("R"), Bytes.toBytes(0x4a00_0000L + round), Bytes.toBytes(7L));
                long begun = System.nanoTime();
                try (BufferedMutator mutator = connection.getBufferedMutator(
                        new BufferedMutatorParams(name).writeBufferSize(4L << 20))) {
                    for (int cell = 0; cell < cells; cell++) {
                        Put put = new Put(Bytes.add(series, Bytes.toBytes(Long.MAX_VALUE - cell)), 1_700_000_000_000L);
                        put.addColumn(FAMILY, new byte[0], Bytes.toBytes(0x2c00_0000_0000L + cell));
                        mutator.mutate(put);
                    }
                }
                System.out.println("put " + (System.nanoTime() - begun) / 1e9);
                begun = System.nanoTime();
                Scan scan = new Scan().withStartRow(series).withStopRow(Bytes.add(series, new byte[] {-1}))
                    .addFamily(FAMILY).setCaching(100_000).setMaxResultSize(2L << 20);
                long found = 0;
                try (ResultScanner scanner = table.getScanner(scan)) {
                    for (Result result : scanner) {
                        found += result.size();
                    }
                }
                if (found != cells) {
                    throw new IllegalStateException(found + " cells found, " + cells + " put");
                }
                System.out.println("scan " + (System.nanoTime() - begun) / 1e9);
            }
        }
    }
}
