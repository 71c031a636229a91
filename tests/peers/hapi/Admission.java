package peer;

import static peer.Hl7.first;
import static peer.Hl7.list;
import static peer.Hl7.part;
import static peer.Hl7.text;
import static peer.Hl7.value;
import static peer.Types.add;
import static peer.Types.address;
import static peer.Types.clinician;
import static peer.Types.concept;
import static peer.Types.date;
import static peer.Types.dateTime;
import static peer.Types.gender;
import static peer.Types.hl7;
import static peer.Types.identifier;
import static peer.Types.instant;
import static peer.Types.name;
import static peer.Types.patient;
import static peer.Types.period;
import static peer.Types.telecom;
import static peer.Types.translated;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.model.Segment;
import ca.uhn.hl7v2.model.Type;
import ca.uhn.hl7v2.model.v251.group.ADT_A01_INSURANCE;
import ca.uhn.hl7v2.model.v251.message.ADT_A01;
import ca.uhn.hl7v2.parser.PipeParser;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.hl7.fhir.r4.model.AllergyIntolerance;
import org.hl7.fhir.r4.model.AllergyIntolerance.AllergyIntoleranceCategory;
import org.hl7.fhir.r4.model.AllergyIntolerance.AllergyIntoleranceCriticality;
import org.hl7.fhir.r4.model.CodeableConcept;
import org.hl7.fhir.r4.model.Coding;
import org.hl7.fhir.r4.model.Condition;
import org.hl7.fhir.r4.model.Coverage;
import org.hl7.fhir.r4.model.Encounter;
import org.hl7.fhir.r4.model.Identifier;
import org.hl7.fhir.r4.model.Reference;
import org.hl7.fhir.r4.model.RelatedPerson;

/** W1: tests/bench/maps/admission.emr. */
final class Admission {
    private final PipeParser parser = Hl7.parser();
    private final FhirContext fhir = FhirContext.forR4();

    String map(String text) throws HL7Exception {
        ADT_A01 message = (ADT_A01) parser.parse(text);
        Entries entries = new Entries(text);
        entries.bundle.setTimestampElement(instant(text(message.getMSH(), 7)));
        Segment pid = message.getPID(), pv1 = message.getPV1();
        Reference who = entries.add(patient(pid), identifier(first(pid, 3)));
        Reference visit = pv1.isEmpty() ? null : entries.add(encounter(pv1, who), identifier(value(pv1, 19)));
        for (Segment nk1 : message.getNK1All()) entries.add(related(nk1, who), null);
        for (Segment al1 : message.getAL1All()) entries.add(allergy(al1, who), null);
        for (Segment dg1 : message.getDG1All()) entries.add(condition(dg1, who, visit), null);
        for (ADT_A01_INSURANCE it : message.getINSURANCEAll()) entries.add(coverage(it.getIN1(), who), null);
        return fhir.newJsonParser().encodeResourceToString(entries.bundle);
    }

    private static final String[] AMBULATORY = {"AMB", "ambulatory"};
    private static final String[] INPATIENT = {"IMP", "inpatient encounter"};
    private static final Map<String, String[]> CLASSES = Map.of(
            "E", new String[] {"EMER", "emergency"},
            "I", INPATIENT,
            "R", INPATIENT,
            "B", INPATIENT,
            "P", new String[] {"PRENC", "pre-admission"});

    private static Encounter encounter(Segment pv1, Reference subject) throws HL7Exception {
        Encounter encounter = new Encounter();
        add(encounter.getIdentifier(), identifier(value(pv1, 19)));
        encounter.setStatus(text(pv1, 45) == null
                ? Encounter.EncounterStatus.INPROGRESS : Encounter.EncounterStatus.FINISHED);
        String[] known = translated(value(pv1, 2), "0004", CLASSES, AMBULATORY);
        if (known == null) known = AMBULATORY;
        encounter.setClass_(new Coding(Types.TERMINOLOGY + "v3-ActCode", known[0], known[1]));
        add(encounter.getType(), concept(value(pv1, 4)));
        encounter.setSubject(subject);
        participants(pv1, 7, "ATND", encounter);
        participants(pv1, 8, "REF", encounter);
        participants(pv1, 9, "CON", encounter);
        participants(pv1, 17, "ADM", encounter);
        encounter.setPeriod(period(text(pv1, 44), text(pv1, 45)));
        CodeableConcept from = concept(value(pv1, 14)), to = concept(value(pv1, 36));
        if (from != null || to != null) encounter.getHospitalization().setAdmitSource(from).setDischargeDisposition(to);
        Type place = value(pv1, 3);
        String words = Stream.of(part(place, 1), part(place, 2), part(place, 3), part(place, 4))
                .filter(Objects::nonNull).collect(Collectors.joining(" "));
        if (!words.isEmpty()) {
            encounter.addLocation().setLocation(new Reference().setDisplay(words))
                    .setStatus(Encounter.EncounterLocationStatus.ACTIVE);
        }
        return encounter;
    }

    private static void participants(Segment pv1, int number, String role, Encounter to) throws HL7Exception {
        for (Type it : list(pv1, number)) {
            Reference who = clinician(it);
            if (who != null) to.addParticipant().addType(hl7("v3-ParticipationType", role)).setIndividual(who);
        }
    }

    private static RelatedPerson related(Segment nk1, Reference who) throws HL7Exception {
        RelatedPerson person = new RelatedPerson().setPatient(who);
        add(person.getRelationship(), concept(value(nk1, 3)));
        for (Type it : list(nk1, 2)) add(person.getName(), name(it));
        telecom(nk1, 5, 6, person.getTelecom());
        person.setGender(gender(value(nk1, 15)));
        person.setBirthDateElement(date(text(nk1, 16)));
        for (Type it : list(nk1, 4)) add(person.getAddress(), address(it));
        return person.setPeriod(period(text(nk1, 8), text(nk1, 9)));
    }

    private static final Map<String, AllergyIntoleranceCategory> CATEGORIES = Map.of(
            "DA", AllergyIntoleranceCategory.MEDICATION,
            "FA", AllergyIntoleranceCategory.FOOD,
            "EA", AllergyIntoleranceCategory.ENVIRONMENT,
            "AA", AllergyIntoleranceCategory.ENVIRONMENT,
            "MA", AllergyIntoleranceCategory.ENVIRONMENT,
            "PA", AllergyIntoleranceCategory.ENVIRONMENT,
            "LA", AllergyIntoleranceCategory.ENVIRONMENT);
    private static final Map<String, AllergyIntoleranceCriticality> CRITICALITIES = Map.of(
            "SV", AllergyIntoleranceCriticality.HIGH,
            "MI", AllergyIntoleranceCriticality.LOW,
            "MO", AllergyIntoleranceCriticality.LOW,
            "U", AllergyIntoleranceCriticality.UNABLETOASSESS);

    private static AllergyIntolerance allergy(Segment al1, Reference who) throws HL7Exception {
        AllergyIntolerance allergy = new AllergyIntolerance();
        allergy.setClinicalStatus(hl7("allergyintolerance-clinical", "active"));
        AllergyIntoleranceCategory category = translated(value(al1, 2), "0127", CATEGORIES, null);
        if (category != null) allergy.addCategory(category);
        allergy.setCriticality(translated(value(al1, 4), "0128", CRITICALITIES, null));
        allergy.setCode(concept(value(al1, 3))).setPatient(who).setOnset(dateTime(text(al1, 6)));
        for (Type it : list(al1, 5)) {
            if (part(it, 1) != null) allergy.addReaction().addManifestation().setText(part(it, 1));
        }
        return allergy;
    }

    private static Condition condition(Segment dg1, Reference subject, Reference visit) throws HL7Exception {
        Condition condition = new Condition().setClinicalStatus(hl7("condition-clinical", "active"));
        condition.addCategory(hl7("condition-category", "encounter-diagnosis"));
        if (first(dg1, 3) != null) condition.setCode(concept(first(dg1, 3), text(dg1, 4)));
        condition.setSubject(subject).setEncounter(visit).setOnset(dateTime(text(dg1, 5)));
        return condition.setRecordedDateElement(dateTime(text(dg1, 19))).setAsserter(clinician(first(dg1, 16)));
    }

    private static Coverage coverage(Segment in1, Reference beneficiary) throws HL7Exception {
        Coverage coverage = new Coverage().setStatus(Coverage.CoverageStatus.ACTIVE);
        coverage.setType(concept(value(in1, 15))).setSubscriberId(text(in1, 36)).setBeneficiary(beneficiary);
        coverage.setRelationship(concept(value(in1, 17))).setPeriod(period(text(in1, 12), text(in1, 13)));
        String number = part(first(in1, 3), 1), payer = part(first(in1, 4), 1);
        Reference payor = coverage.addPayor().setDisplay(payer == null ? "unknown" : payer);
        if (number != null) payor.setIdentifier(new Identifier().setValue(number));
        Type plan = value(in1, 2);
        kind(coverage, "group", text(in1, 8), part(first(in1, 9), 1));
        kind(coverage, "plan", part(plan, 1), part(plan, 2));
        return coverage;
    }

    private static void kind(Coverage coverage, String code, String value, String name) {
        if (value != null) coverage.addClass_().setType(hl7("coverage-class", code)).setValue(value).setName(name);
    }
}
