import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.errors.TopicExistsException;

/** Creates those of the topics that are missing: {@code Topics BROKER PARTITIONS TOPIC...}. */
public final class Topics {
    public static void main(String[] args) throws Exception {
        Map<String, Object> client = Map.of("bootstrap.servers", args[0], "default.api.timeout.ms", "60000", "request.timeout.ms", "5000");
        // A record's time is the broker's: which of two writes survives is no writer's decision.
        Map<String, String> topic = Map.of("message.timestamp.type", "LogAppendTime");
        // A directory that begins without a table learns every series from the topic.
        Map<String, String> kept = Map.of("message.timestamp.type", "LogAppendTime", "retention.ms", "-1");
        try (Admin admin = Admin.create(client)) {
            Set<String> known = admin.listTopics().names().get();
            List<NewTopic> missing = Stream.of(args).skip(2).filter(name -> !known.contains(name))
                .map(name -> new NewTopic(name, Integer.parseInt(args[1]), (short) 1).configs(name.endsWith("metadata") ? kept : topic)).toList();
            admin.createTopics(missing).all().get();
            missing.forEach(made -> System.out.println("topic " + made.name() + ": made"));
        } catch (ExecutionException e) {
            // Somebody else made it in between.
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw e;
            }
        }
    }
}
