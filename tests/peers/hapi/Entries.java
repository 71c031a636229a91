package peer;

import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.Identifier;
import org.hl7.fhir.r4.model.Reference;
import org.hl7.fhir.r4.model.Resource;

/** The Bundle so far. A resource is known by its identifier, or by its message and how many of its type came before. */
final class Entries {
    private static final byte[] NAMESPACE = HexFormat.of().parseHex("6b1f0a5e9d0c5c7e8a4465c10d4e2f37");

    final Bundle bundle = new Bundle().setType(Bundle.BundleType.TRANSACTION);
    private final Map<String, Integer> turns = new HashMap<>();
    private final byte[] digest;

    Entries(String message) {
        digest = sha1().digest(message.getBytes(StandardCharsets.UTF_8));
    }

    Reference add(Resource resource, Identifier key) {
        String type = resource.fhirType(), id, url = type;
        Bundle.HTTPVerb method = Bundle.HTTPVerb.POST;
        if (key == null) {
            int turn = turns.merge(type, 1, Integer::sum);
            id = uuid(digest, type + turn, 8);
        } else {
            String system = Objects.requireNonNullElse(key.getSystem(), "");
            id = uuid(NAMESPACE, type + "\u001f" + system + "|" + key.getValue() + "\u001f", 5);
            url = type + "?identifier=" + encoded(escaped(system) + "|" + escaped(key.getValue()));
            method = Bundle.HTTPVerb.PUT;
        }
        Bundle.BundleEntryComponent entry = bundle.addEntry().setFullUrl("urn:uuid:" + id).setResource(resource);
        entry.getRequest().setMethod(method).setUrl(url);
        return new Reference("urn:uuid:" + id);
    }

    private static String uuid(byte[] space, String name, int version) {
        MessageDigest hash = sha1();
        hash.update(space);
        ByteBuffer bytes = ByteBuffer.wrap(hash.digest(name.getBytes(StandardCharsets.UTF_8)));
        long high = bytes.getLong() & ~0xf000L | (long) version << 12;
        long low = bytes.getLong() & ~(3L << 62) | 2L << 62;
        return new UUID(high, low).toString();
    }

    private static MessageDigest sha1() {
        try {
            return MessageDigest.getInstance("SHA-1");
        } catch (NoSuchAlgorithmException none) {
            throw new IllegalStateException(none);
        }
    }

    /** Without what would divide a search value. */
    private static String escaped(String text) {
        return text.replaceAll("[\\\\,|$]", "\\\\$0");
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20").replace("*", "%2A")
                .replace("%7E", "~").replace("%3A", ":").replace("%2F", "/");
    }
}
