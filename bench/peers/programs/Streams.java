import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Kafka Streams, exactly_once_v2: parse, trivial score, write. One argument: JSON with bootstrap, source, sink, group, a
 * folder for its state, and options, which are Kafka Streams' own properties. Ends when standard input closes.
 */
public final class Streams {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws IOException {
        JsonNode given = JSON.readTree(arguments[0]);
        Properties properties = new Properties();
        properties.put("bootstrap.servers", given.get("bootstrap").asText());
        properties.put("application.id", given.get("group").asText());
        properties.put("state.dir", given.get("folder").asText());
        properties.put("processing.guarantee", "exactly_once_v2");
        properties.put("auto.offset.reset", "earliest");
        given.get("options").properties().forEach(each -> properties.put(each.getKey(), each.getValue().asText()));
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(given.get("source").asText(), Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .mapValues(Streams::score)
            .to(given.get("sink").asText(), Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        KafkaStreams streams = new KafkaStreams(builder.build(), properties);
        streams.start();
        while (System.in.read() >= 0) { }
        streams.close(Duration.ofSeconds(8));
        Runtime.getRuntime().halt(0); // also when its broker is gone, which it would wait for
    }

    private static byte[] score(byte[] body) {
        try {
            JsonNode report = JSON.readTree(body);
            int score = 20 * report.path("victims").asInt() + 10 * report.path("weapons").size()
                + report.get("agency_id").asText().length();
            ObjectNode priority = JSON.createObjectNode();
            priority.put("report_id", report.get("report_id").asText());
            priority.put("score", score);
            return JSON.writeValueAsBytes(priority);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private Streams() { }
}
