import java.util.List;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.Admin;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.ConnectionFactory;
import org.apache.hadoop.hbase.client.RegionInfo;
import org.apache.hadoop.hbase.util.Bytes;

/**
 * Splits every region of a table in the middle of its rows, then closes each and opens it again:
 * {@code Regions TABLE}. Prints how many there are then.
 */
public final class Regions {
    public static void main(String[] args) throws Exception {
        TableName name = TableName.valueOf(args[0]);
        try (Connection connection = ConnectionFactory.createConnection(HBaseConfiguration.create());
                Admin admin = connection.getAdmin()) {
            for (RegionInfo region : admin.getRegions(name)) {
                // Rows are M or R and an id, which is anywhere.
                byte[] start = region.getStartKey().length == 0 ? new byte[] {'M', 0} : region.getStartKey();
                byte[] end = region.getEndKey().length == 0 ? new byte[] {'R', -1, -1} : region.getEndKey();
                byte[][] middle = Bytes.split(start, end, 1);
                try {
                    admin.splitRegionAsync(region.getRegionName(), middle[1]).get();
                } catch (Exception e) {
                    System.err.println(region.getRegionNameAsString() + ": " + e);
                }
            }
            List<RegionInfo> regions = admin.getRegions(name);
            for (RegionInfo region : regions) {
                admin.unassign(region.getRegionName(), false);
                admin.assign(region.getRegionName());
            }
            System.out.println(regions.size());
        }
    }
}
