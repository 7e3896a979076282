package cad;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import contract.Priority;
import contract.Reason;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Shows priorities as they come, each once. */
public final class Read {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments.length > 0 ? arguments[0] : "localhost:9092",
            "group.id", "board-in-java",
            "auto.offset.reset", "earliest",
            "isolation.level", "read_committed",  // not Java's default
            "key.deserializer", StringDeserializer.class,
            "value.deserializer", StringDeserializer.class);
        ObjectMapper json = new ObjectMapper()
            .registerModule(new JavaTimeModule())
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);  // a newer scorer may say more
        Set<String> seen = new HashSet<>();  // a real board keeps the last day's
        Map<String, Long> newest = new HashMap<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings)) {
            consumer.subscribe(List.of("priorities"));
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    Priority p = json.readValue(record.value(), Priority.class);
                    String id = new String(record.headers().lastHeader("ce_id").value(), StandardCharsets.UTF_8);
                    long known = newest.getOrDefault(record.key(), 0L);
                    boolean older = p.getRevision() > 0 && p.getRevision() < known;
                    if (older || !seen.add(id)) continue;
                    newest.put(record.key(), Math.max(known, p.getRevision()));
                    String what = p.getNeedsHumanTriage() ? "a person must look" : "severity " + p.getSeverity();
                    List<String> why = p.getReasons().stream().map(Reason::getText).toList();
                    System.out.println(p.getPriority() + " " + p.getReportID() + " " + what + " " + why);
                }
            }
        }
    }
}
