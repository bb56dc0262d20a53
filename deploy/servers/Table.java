import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.Admin;
import org.apache.hadoop.hbase.client.ColumnFamilyDescriptor;
import org.apache.hadoop.hbase.client.ColumnFamilyDescriptorBuilder;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.ConnectionFactory;
import org.apache.hadoop.hbase.client.Get;
import org.apache.hadoop.hbase.client.TableDescriptorBuilder;
import org.apache.hadoop.hbase.io.compress.Compression;
import org.apache.hadoop.hbase.io.encoding.DataBlockEncoding;
import org.apache.hadoop.hbase.regionserver.BloomType;
import org.apache.hadoop.hbase.util.Bytes;

/** Creates the table where it is missing, and reads from it until that works: {@code Table NAME SECONDS}. */
public final class Table {
    public static void main(String[] args) throws Exception {
        TableName name = TableName.valueOf(args[0]);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Long.parseLong(args[1]));
        Configuration conf = HBaseConfiguration.create();
        conf.setInt("hbase.client.retries.number", 3);
        conf.setInt("hbase.client.operation.timeout", 10_000);
        conf.setInt("hbase.client.meta.operation.timeout", 10_000);
        while (true) {
            try (Connection connection = ConnectionFactory.createConnection(conf); Admin admin = connection.getAdmin()) {
                if (!admin.tableExists(name)) {
                    admin.createTable(TableDescriptorBuilder.newBuilder(name)
                        .setColumnFamily(family("m", Compression.Algorithm.NONE))
                        .setColumnFamily(family("v", Compression.Algorithm.LZ4)).build());
                    System.out.println("table " + name + ": made");
                }
                connection.getTable(name).get(new Get(Bytes.toBytes("x")));
                return;
            } catch (Exception e) {
                if (System.nanoTime() > end) {
                    throw e;
                }
                Thread.sleep(500);
            }
        }
    }

    private static ColumnFamilyDescriptor family(String name, Compression.Algorithm compression) {
        return ColumnFamilyDescriptorBuilder.newBuilder(Bytes.toBytes(name)).setMaxVersions(1)
            .setBloomFilterType(BloomType.NONE).setDataBlockEncoding(DataBlockEncoding.FAST_DIFF)
            .setCompressionType(compression).build();
    }
}
