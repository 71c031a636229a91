package peer;

import io.github.linuxforhealth.hl7.ConverterOptions;
import io.github.linuxforhealth.hl7.HL7ToFHIRConverter;
import java.nio.file.Path;
import org.hl7.fhir.r4.model.Bundle;

/** The converter with its own templates, which say what becomes of an ADT^A01 and an ORU^R01. */
public final class Main {
    public static void main(String[] arguments) throws Exception {
        HL7ToFHIRConverter converter = new HL7ToFHIRConverter();
        ConverterOptions options = new ConverterOptions.Builder()
                .withBundleType(Bundle.BundleType.TRANSACTION).withZoneIdText("+00:00").build();
        Measure.run("linuxforhealth", Path.of(arguments[0]), Path.of(arguments[1]), Double.parseDouble(arguments[2]),
                message -> converter.convert(message, options));
    }

    private Main() {}
}
