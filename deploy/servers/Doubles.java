import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Counts records of a topic, and those whose bytes came before: {@code Doubles BROKER TOPIC}. */
public final class Doubles {
    public static void main(String[] args) {
        String bytes = ByteArrayDeserializer.class.getName();
        Map<String, Object> client = Map.of("bootstrap.servers", args[0], "key.deserializer", bytes, "value.deserializer", bytes);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(client)) {
            List<TopicPartition> all = consumer.partitionsFor(args[1]).stream().map(p -> new TopicPartition(p.topic(), p.partition())).toList();
            consumer.assign(all);
            consumer.seekToBeginning(all);
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            Set<String> seen = new HashSet<>();
            long records = 0, doubles = 0;
            while (all.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (var found : consumer.poll(Duration.ofSeconds(1))) {
                    records++;
                    // Whole values would not fit; 128 bits of two hashes do.
                    String mark = Arrays.hashCode(found.key()) + ":" + Arrays.hashCode(found.value()) + ":" + found.value().length
                        + ":" + new java.util.zip.CRC32() {{ update(found.value()); }}.getValue();
                    if (!seen.add(mark)) {
                        doubles++;
                    }
                }
            }
            System.out.println(records + " " + doubles);
        }
    }
}
