package peer;

import static peer.Hl7.first;
import static peer.Hl7.list;
import static peer.Hl7.part;
import static peer.Hl7.text;
import static peer.Hl7.value;
import static peer.Types.add;
import static peer.Types.clinician;
import static peer.Types.concept;
import static peer.Types.dateTime;
import static peer.Types.hl7;
import static peer.Types.identifier;
import static peer.Types.instant;
import static peer.Types.one;
import static peer.Types.patient;
import static peer.Types.system;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.model.Segment;
import ca.uhn.hl7v2.model.Type;
import ca.uhn.hl7v2.model.v251.group.ORU_R01_OBSERVATION;
import ca.uhn.hl7v2.model.v251.group.ORU_R01_ORDER_OBSERVATION;
import ca.uhn.hl7v2.model.v251.group.ORU_R01_PATIENT_RESULT;
import ca.uhn.hl7v2.model.v251.message.ORU_R01;
import ca.uhn.hl7v2.parser.PipeParser;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.hl7.fhir.r4.model.CodeType;
import org.hl7.fhir.r4.model.CodeableConcept;
import org.hl7.fhir.r4.model.DateTimeType;
import org.hl7.fhir.r4.model.DecimalType;
import org.hl7.fhir.r4.model.DiagnosticReport;
import org.hl7.fhir.r4.model.DiagnosticReport.DiagnosticReportStatus;
import org.hl7.fhir.r4.model.InstantType;
import org.hl7.fhir.r4.model.Observation;
import org.hl7.fhir.r4.model.Observation.ObservationStatus;
import org.hl7.fhir.r4.model.Quantity;
import org.hl7.fhir.r4.model.Reference;
import org.hl7.fhir.r4.model.StringType;

/** W2: tests/bench/maps/results.emr. */
final class Results {
    private final PipeParser parser = Hl7.parser();
    private final FhirContext fhir = FhirContext.forR4();

    String map(String text) throws HL7Exception {
        ORU_R01 message = (ORU_R01) parser.parse(text);
        Entries entries = new Entries(text);
        entries.bundle.setTimestampElement(instant(text(message.getMSH(), 7)));
        for (ORU_R01_PATIENT_RESULT result : message.getPATIENT_RESULTAll()) {
            Segment pid = result.getPATIENT().getPID();
            Reference who = entries.add(patient(pid), identifier(first(pid, 3)));
            for (ORU_R01_ORDER_OBSERVATION order : result.getORDER_OBSERVATIONAll()) {
                List<Reference> found = new ArrayList<>();
                DateTimeType taken = dateTime(text(order.getOBR(), 7));
                for (ORU_R01_OBSERVATION it : order.getOBSERVATIONAll()) {
                    found.add(entries.add(observation(it, who, taken), null));
                }
                entries.add(report(order.getOBR(), who, found), null);
            }
        }
        return fhir.newJsonParser().encodeResourceToString(entries.bundle);
    }

    /** What was asked for, or that nobody says it. */
    private static CodeableConcept known(CodeableConcept code) {
        if (code != null) return code;
        CodeableConcept absent = new CodeableConcept();
        absent.addExtension("http://hl7.org/fhir/StructureDefinition/data-absent-reason", new CodeType("unknown"));
        return absent;
    }

    private static InstantType issued(String text) {
        return text != null && text.length() >= 14 ? instant(text) : null;
    }

    private static final Map<String, DiagnosticReportStatus> REPORTS = Map.of(
            "F", DiagnosticReportStatus.FINAL,
            "P", DiagnosticReportStatus.PRELIMINARY,
            "C", DiagnosticReportStatus.CORRECTED,
            "A", DiagnosticReportStatus.PARTIAL,
            "R", DiagnosticReportStatus.PARTIAL,
            "X", DiagnosticReportStatus.CANCELLED,
            "O", DiagnosticReportStatus.REGISTERED,
            "I", DiagnosticReportStatus.REGISTERED,
            "S", DiagnosticReportStatus.REGISTERED);

    private static DiagnosticReport report(Segment obr, Reference subject, List<Reference> found) throws HL7Exception {
        DiagnosticReport report = new DiagnosticReport();
        if (text(obr, 2) != null) report.addIdentifier().setType(hl7("v2-0203", "PLAC")).setValue(text(obr, 2));
        if (text(obr, 3) != null) report.addIdentifier().setType(hl7("v2-0203", "FILL")).setValue(text(obr, 3));
        report.setStatus(REPORTS.getOrDefault(String.valueOf(text(obr, 25)), DiagnosticReportStatus.UNKNOWN));
        if (text(obr, 24) != null) report.addCategory(hl7("v2-0074", text(obr, 24)));
        report.setCode(known(concept(value(obr, 4)))).setSubject(subject).setEffective(dateTime(text(obr, 7)));
        report.setIssuedElement(issued(text(obr, 22)));
        for (Type it : list(obr, 16)) add(report.getPerformer(), clinician(it));
        return report.setResult(found);
    }

    private static final Map<String, ObservationStatus> STATUSES = Map.ofEntries(
            Map.entry("F", ObservationStatus.FINAL),
            Map.entry("U", ObservationStatus.FINAL),
            Map.entry("P", ObservationStatus.PRELIMINARY),
            Map.entry("S", ObservationStatus.PRELIMINARY),
            Map.entry("R", ObservationStatus.PRELIMINARY),
            Map.entry("C", ObservationStatus.CORRECTED),
            Map.entry("X", ObservationStatus.CANCELLED),
            Map.entry("D", ObservationStatus.ENTEREDINERROR),
            Map.entry("W", ObservationStatus.ENTEREDINERROR),
            Map.entry("I", ObservationStatus.REGISTERED),
            Map.entry("O", ObservationStatus.REGISTERED));

    private static Observation observation(ORU_R01_OBSERVATION of, Reference subject, DateTimeType taken)
            throws HL7Exception {
        Segment obx = of.getOBX();
        Observation observation = new Observation();
        observation.setStatus(STATUSES.getOrDefault(String.valueOf(text(obx, 11)), ObservationStatus.UNKNOWN));
        observation.addCategory(hl7("observation-category", "laboratory"));
        observation.setCode(known(concept(value(obx, 3)))).setSubject(subject);
        DateTimeType effective = dateTime(text(obx, 14));
        observation.setEffective(effective != null ? effective : taken);
        observation.setIssuedElement(issued(text(obx, 19)));
        String place = part(first(obx, 23), 1);
        if (place != null) observation.addPerformer().setDisplay(place);
        for (Type it : list(obx, 16)) add(observation.getPerformer(), clinician(it));
        if (first(obx, 5) != null) observation.setValue(result(obx, first(obx, 5)));
        for (Type it : list(obx, 8)) {
            observation.addInterpretation(
                    one(Types.TERMINOLOGY + "v3-ObservationInterpretation", part(it, 1), part(it, 2)));
        }
        if (first(obx, 17) != null) observation.setMethod(concept(first(obx, 17)));
        if (text(obx, 7) != null) observation.addReferenceRange().setText(text(obx, 7));
        for (Segment nte : of.getNTEAll()) {
            String words = part(first(nte, 3), 1);
            if (words != null) observation.addNote().setText(words);
        }
        return observation;
    }

    private static org.hl7.fhir.r4.model.Type result(Segment obx, Type of) throws HL7Exception {
        String words = part(of, 1);
        Quantity quantity = null;
        switch (String.valueOf(text(obx, 2))) {
            case "NM" -> quantity = measured(obx, words, null);
            case "SN" -> quantity = part(of, 3) == null ? measured(obx, part(of, 2), words) : null;
            case "CWE", "CE", "CNE", "CF" -> {
                return concept(of);
            }
            case "DT", "TS", "DTM" -> {
                return dateTime(words);
            }
            default -> { }
        }
        return quantity != null ? quantity : words != null ? new StringType(words) : null;
    }

    private static Quantity measured(Segment obx, String number, String comparator) throws HL7Exception {
        if (number == null || !number.matches("[+-]?[0-9]+(\\.[0-9]*)?")) return null;
        Type units = value(obx, 6);
        String known = system(part(units, 3));
        Quantity quantity = new Quantity().setValueElement(new DecimalType(number));
        if (comparator != null && Set.of("<", ">", "<=", ">=").contains(comparator)) {
            quantity.setComparator(Quantity.QuantityComparator.fromCode(comparator));
        }
        quantity.setUnit(part(units, 2) != null ? part(units, 2) : part(units, 1)).setSystem(known);
        return known == null ? quantity : quantity.setCode(part(units, 1));
    }
}
