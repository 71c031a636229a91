package peer;

import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.model.Composite;
import ca.uhn.hl7v2.model.ExtraComponents;
import ca.uhn.hl7v2.model.Primitive;
import ca.uhn.hl7v2.model.Segment;
import ca.uhn.hl7v2.model.Type;
import ca.uhn.hl7v2.model.Varies;
import ca.uhn.hl7v2.parser.PipeParser;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.util.ArrayList;
import java.util.List;

/** Values of a message, null where there is none, whatever HAPI's type of the field. */
final class Hl7 {
    static PipeParser parser() {
        DefaultHapiContext context = new DefaultHapiContext();
        context.setValidationContext(ValidationContextFactory.noValidation());
        return context.getPipeParser();
    }

    /** The repetitions that hold something. */
    static List<Type> list(Segment segment, int number) throws HL7Exception {
        List<Type> present = new ArrayList<>();
        for (Type it : segment.getField(number)) {
            if (isPresent(it)) present.add(it);
        }
        return present;
    }

    /** The first repetition that holds something. */
    static Type first(Segment segment, int number) throws HL7Exception {
        for (Type it : segment.getField(number)) {
            if (isPresent(it)) return it;
        }
        return null;
    }

    static Type value(Segment segment, int number) throws HL7Exception {
        Type[] all = segment.getField(number);
        return all.length == 0 ? null : all[0];
    }

    static String text(Segment segment, int number) throws HL7Exception {
        return part(value(segment, number), 1);
    }

    static String part(Type of, int number) throws HL7Exception {
        return leaf(component(of, number));
    }

    static String sub(Type of, int number, int below) throws HL7Exception {
        return leaf(component(component(of, number), below));
    }

    private static Type component(Type of, int number) throws HL7Exception {
        if (of instanceof Varies varies) return component(varies.getData(), number);
        if (of == null) return null;
        int known = 1;
        if (of instanceof Composite composite) {
            known = composite.getComponents().length;
            if (number <= known) return composite.getComponent(number - 1);
        } else if (number == 1) {
            return of;
        }
        ExtraComponents extra = of.getExtraComponents();
        int at = number - known - 1;
        return at < extra.numComponents() ? extra.getComponent(at) : null;
    }

    private static String leaf(Type of) throws HL7Exception {
        if (of instanceof Varies varies) return leaf(varies.getData());
        if (of instanceof Composite composite) return leaf(composite.getComponent(0));
        if (!(of instanceof Primitive primitive) || primitive.getValue() == null) return null;
        String text = primitive.getValue().strip();
        if (text.isEmpty() || text.equals("\"\"")) return null;
        // HAPI leaves line breaks as they are.
        return text.contains("\\.br\\") ? text.replace("\\.br\\", "\n") : text;
    }

    private static boolean isPresent(Type of) throws HL7Exception {
        if (of instanceof Varies varies) return isPresent(varies.getData());
        boolean found = false;
        if (of instanceof Composite composite) {
            for (Type it : composite.getComponents()) {
                if (isPresent(it)) return true;
            }
        } else {
            found = leaf(of) != null;
        }
        ExtraComponents extra = of.getExtraComponents();
        for (int at = 0; !found && at < extra.numComponents(); at++) {
            found = isPresent(extra.getComponent(at));
        }
        return found;
    }

    private Hl7() {}
}
