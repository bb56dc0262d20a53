import java.io.BufferedReader;
import java.io.InputStreamReader;
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
 * A bare loop of HBase's own client, rows and values as those of datapoints: {@code HbaseSpeed TABLE}. Each line of
 * standard input asks for something, and is answered with the seconds that it took: {@code put SERIES CELLS} by a
 * buffered mutator, which batches by server and sends in the background; {@code scan SERIES CELLS}, which finds as
 * many; {@code all CELLS} scans all series. {@code flush} empties the memory of region servers.
 */
public final class HbaseSpeed {
    private static final byte[] FAMILY = Bytes.toBytes("v");

    public static void main(String[] args) throws Exception {
        TableName name = TableName.valueOf(args[0]);
        Configuration conf = HBaseConfiguration.create();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        try (Connection connection = ConnectionFactory.createConnection(conf); Table table = connection.getTable(name)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] words = line.split(" ");
                long begun = System.nanoTime();
                switch (words[0]) {
                    case "put" -> put(connection, name, Long.parseLong(words[1]), Integer.parseInt(words[2]));
                    case "scan" -> scan(table, rows(Long.parseLong(words[1])), Integer.parseInt(words[2]));
                    case "all" -> scan(table, Bytes.toBytes("R"), Integer.parseInt(words[1]));
                    default -> connection.getAdmin().flush(name);
                }
                System.out.println((System.nanoTime() - begun) / 1e9);
            }
        }
    }

    private static byte[] rows(long series) {
        return Bytes.add(Bytes.toBytes("R"), Bytes.toBytes(series), Bytes.toBytes(7L));
    }

    private static void put(Connection connection, TableName name, long series, int cells) throws Exception {
        BufferedMutatorParams params = new BufferedMutatorParams(name).writeBufferSize(4L << 20);
        try (BufferedMutator mutator = connection.getBufferedMutator(params)) {
            for (int cell = 0; cell < cells; cell++) {
                Put put = new Put(Bytes.add(rows(series), Bytes.toBytes(Long.MAX_VALUE - cell)), 1_700_000_000_000L);
                put.addColumn(FAMILY, new byte[0], Bytes.toBytes(0x2c00_0000_0000L + cell));
                mutator.mutate(put);
            }
        }
    }

    private static void scan(Table table, byte[] prefix, int cells) throws Exception {
        Scan scan = new Scan().withStartRow(prefix).withStopRow(Bytes.add(prefix, new byte[] {-1}))
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
    }
}
