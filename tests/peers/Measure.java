package peer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The call, the clock and the row: `MESSAGES OUTPUT SECONDS`, see ../README.md. */
public final class Measure {
    public interface Engine {
        String map(String message) throws Exception;
    }

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    public static void run(String name, Path file, Path output, double seconds, Engine engine) throws Exception {
        List<byte[]> messages = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            messages.add(JSON.readValue(line, String.class).getBytes(StandardCharsets.UTF_8));
        }
        List<String> written = new ArrayList<>();
        for (byte[] message : messages) {
            try {
                written.add(engine.map(new String(message, StandardCharsets.UTF_8)));
            } catch (Exception why) {
                written.add(JSON.writeValueAsString(Map.of("failed", String.valueOf(why.getMessage()))));
            }
        }
        Files.write(output, written);

        // Compiling goes on for long.
        long warm = (long) timed(engine, messages, 3 * seconds)[0];
        double[] measured = timed(engine, messages, seconds);
        System.out.println(JSON.writeValueAsString(Map.of(
                "workload", file.getFileName().toString().replace(".messages", ""),
                "engine", name,
                "messages_per_s", measured[0] * 1e9 / measured[1],
                "note", warm + " messages before")));
    }

    /** How many, and the CPU time of the whole process for them, with its collector and compiler. */
    private static double[] timed(Engine engine, List<byte[]> messages, double seconds) throws Exception {
        long from = SYSTEM.getProcessCpuTime();
        long bytes = 0;
        for (int count = 1; ; count++) {
            String message = new String(messages.get(count % messages.size()), StandardCharsets.UTF_8);
            bytes += engine.map(message).getBytes(StandardCharsets.UTF_8).length;
            double spent = SYSTEM.getProcessCpuTime() - from;
            if (spent >= seconds * 1e9) {
                if (bytes == 0) throw new IllegalStateException("nothing was written");
                return new double[] {count, spent};
            }
        }
    }

    private Measure() {}
}
