package cad;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import contract.CrimeReport;
import contract.Location;
import contract.Urgency;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Files one report, made of the classes that quicktype generates from the contract. */
public final class Send {
    public static void main(String[] arguments) throws Exception {
        CrimeReport report = new CrimeReport();
        report.setAgencyID("rivertown");
        report.setReportID("26-001235");
        report.setReportedAt(OffsetDateTime.parse("2026-11-24T21:15:40-06:00"));
        report.setIncidentType("ROBBERY");
        report.setUrgency(Urgency.IN_PROGRESS);
        report.setWeapons(List.of("12"));  // NIBRS 12: handgun
        Location location = new Location();
        location.setLatitude(40.115);
        location.setLongitude(-88.27);
        location.setArea("Harbor");
        location.setPlaceType("07");
        report.setLocation(location);

        // What is not known is left out: a null in place of a list or of the revision breaks the contract.
        ObjectMapper json = new ObjectMapper()
            .registerModule(new JavaTimeModule())
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .setSerializationInclusion(JsonInclude.Include.NON_NULL);
        // Idempotent, acks=all and the partitioner that the contract asks for are this client's defaults.
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments.length > 0 ? arguments[0] : "localhost:9092",
            "delivery.timeout.ms", 10_000,
            "request.timeout.ms", 5_000,
            "key.serializer", StringSerializer.class,
            "value.serializer", StringSerializer.class);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
            String key = report.getAgencyID() + "/" + report.getReportID();
            producer.send(new ProducerRecord<>("crime-reports", key, json.writeValueAsString(report))).get();
        }
        System.out.println("filed " + report.getReportID());
    }
}
