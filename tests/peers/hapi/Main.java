package peer;

import java.nio.file.Path;

public final class Main {
    public static void main(String[] arguments) throws Exception {
        Path messages = Path.of(arguments[0]);
        Measure.Engine engine = messages.endsWith("W1.messages") ? new Admission()::map : new Results()::map;
        Measure.run("hapi", messages, Path.of(arguments[1]), Double.parseDouble(arguments[2]), engine);
    }

    private Main() {}
}
