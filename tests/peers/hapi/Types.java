package peer;

import static peer.Hl7.list;
import static peer.Hl7.part;
import static peer.Hl7.sub;
import static peer.Hl7.text;
import static peer.Hl7.value;

import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.model.Segment;
import ca.uhn.hl7v2.model.Type;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.hl7.fhir.r4.model.Address;
import org.hl7.fhir.r4.model.BooleanType;
import org.hl7.fhir.r4.model.CodeableConcept;
import org.hl7.fhir.r4.model.Coding;
import org.hl7.fhir.r4.model.ContactPoint;
import org.hl7.fhir.r4.model.DateTimeType;
import org.hl7.fhir.r4.model.DateType;
import org.hl7.fhir.r4.model.Enumerations.AdministrativeGender;
import org.hl7.fhir.r4.model.HumanName;
import org.hl7.fhir.r4.model.Identifier;
import org.hl7.fhir.r4.model.InstantType;
import org.hl7.fhir.r4.model.IntegerType;
import org.hl7.fhir.r4.model.Patient;
import org.hl7.fhir.r4.model.Period;
import org.hl7.fhir.r4.model.Reference;

/** HL7's data types as FHIR's, and the patient. Null is what is not there. */
final class Types {
    static final String TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/";

    private static final Pattern DTM = Pattern.compile(
            "(\\d{4})(?:(\\d\\d)(?:(\\d\\d)(?:(\\d\\d)(?:(\\d\\d)(?:(\\d\\d)(\\.\\d{1,9})?)?)?)?)?)?([+-]\\d{4})?");
    private static final int[] DAYS = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    private enum Wanted { DATE, DATE_TIME, INSTANT }

    private static String moment(String text, Wanted wanted) {
        if (text == null) return null;
        Matcher parts = DTM.matcher(text);
        if (!parts.matches()) return null;
        String year = parts.group(1), month = parts.group(2), day = parts.group(3), hour = parts.group(4);
        String minute = Objects.requireNonNullElse(parts.group(5), "00");
        String second = Objects.requireNonNullElse(parts.group(6), "00");
        String fraction = Objects.requireNonNullElse(parts.group(7), "");
        if (year.equals("0000") || month != null && !isWithin(month, 1, 12)) return null;
        if (day != null && !isWithin(day, 1, DAYS[Integer.parseInt(month) - 1])) return null;
        if ("02".equals(month) && "29".equals(day) && !java.time.Year.isLeap(Integer.parseInt(year))) return null;
        if (hour != null && !(isWithin(hour, 0, 23) && isWithin(minute, 0, 59) && isWithin(second, 0, 60))) return null;
        String date = day != null ? year + "-" + month + "-" + day : month != null ? year + "-" + month : year;
        if (wanted == Wanted.DATE) return date;
        if (hour == null) return wanted == Wanted.INSTANT ? null : date;
        String offset = parts.group(8);
        String zone = offset == null ? "+00:00" : offset.substring(0, 3) + ":" + offset.substring(3);
        return date + "T" + hour + ":" + minute + ":" + second + fraction + zone;
    }

    private static boolean isWithin(String number, int least, int most) {
        int value = Integer.parseInt(number);
        return value >= least && value <= most;
    }

    static DateType date(String text) {
        String date = moment(text, Wanted.DATE);
        return date == null ? null : new DateType(date);
    }

    static DateTimeType dateTime(String text) {
        String time = moment(text, Wanted.DATE_TIME);
        return time == null ? null : new DateTimeType(time);
    }

    static InstantType instant(String text) {
        String time = moment(text, Wanted.INSTANT);
        return time == null ? null : new InstantType(time);
    }

    static Period period(String start, String end) {
        DateTimeType from = dateTime(start), to = dateTime(end);
        if (from == null && to == null) return null;
        return new Period().setStartElement(from).setEndElement(to);
    }

    private static final Map<String, String> SYSTEMS = Map.ofEntries(
            Map.entry("LN", "http://loinc.org"),
            Map.entry("SCT", "http://snomed.info/sct"),
            Map.entry("SNOMED", "http://snomed.info/sct"),
            Map.entry("SNM", "http://snomed.info/sct"),
            Map.entry("UCUM", "http://unitsofmeasure.org"),
            Map.entry("I9", "http://hl7.org/fhir/sid/icd-9-cm"),
            Map.entry("I9C", "http://hl7.org/fhir/sid/icd-9-cm"),
            Map.entry("I10", "http://hl7.org/fhir/sid/icd-10-cm"),
            Map.entry("I10C", "http://hl7.org/fhir/sid/icd-10-cm"),
            Map.entry("CVX", "http://hl7.org/fhir/sid/cvx"),
            Map.entry("NDC", "http://hl7.org/fhir/sid/ndc"),
            Map.entry("C4", "http://www.ama-assn.org/go/cpt"),
            Map.entry("CDCREC", "urn:oid:2.16.840.1.113883.6.238"),
            Map.entry("RXNORM", "http://www.nlm.nih.gov/research/umls/rxnorm"));
    private static final Pattern LOCAL = Pattern.compile("HL7[0-9]{4}");

    static String system(String name) {
        if (name == null) return null;
        String known = SYSTEMS.get(name);
        if (known != null) return known;
        return LOCAL.matcher(name).matches() ? TERMINOLOGY + "v2-" + name.substring(3) : "urn:id:" + name;
    }

    /** The code of a coded field by a table, unless its system is another one. */
    static <T> T translated(Type of, String table, Map<String, T> codes, T otherwise) throws HL7Exception {
        String code = part(of, 1), named = part(of, 3);
        if (code == null) return null;
        boolean isOther = named != null && !named.equals("HL7" + table) && !named.equals(TERMINOLOGY + "v2-" + table);
        return isOther ? otherwise : codes.getOrDefault(code, otherwise);
    }

    static CodeableConcept one(String system, String code, String display) {
        return new CodeableConcept(new Coding(system, code, display));
    }

    static CodeableConcept hl7(String name, String code) {
        return one(TERMINOLOGY + name, code, null);
    }

    static CodeableConcept concept(Type of) throws HL7Exception {
        return concept(of, null);
    }

    static CodeableConcept concept(Type of, String said) throws HL7Exception {
        CodeableConcept concept = new CodeableConcept();
        for (int from = 1; from <= 4; from += 3) {
            Coding coding = new Coding(system(part(of, from + 2)), part(of, from), part(of, from + 1));
            if (!coding.isEmpty()) concept.addCoding(coding);
        }
        concept.setText(said != null ? said : part(of, 9) != null ? part(of, 9) : part(of, 2));
        return concept.isEmpty() ? null : concept;
    }

    private static String assigned(Type of, int number) throws HL7Exception {
        String universal = sub(of, number, 2);
        if (universal == null) return null;
        return ("ISO".equals(sub(of, number, 3)) ? "urn:oid:" : "urn:id:") + universal;
    }

    static Identifier identifier(Type of) throws HL7Exception {
        String value = part(of, 1), kind = part(of, 5), assigner = part(of, 4);
        if (value == null) return null;
        Identifier identifier = new Identifier().setSystem(assigned(of, 4)).setValue(value);
        if (kind != null) identifier.setType(hl7("v2-0203", kind));
        if (assigner != null) identifier.setAssigner(new Reference().setDisplay(assigner));
        return identifier;
    }

    private static final Map<String, HumanName.NameUse> NAME_USES = Map.of(
            "L", HumanName.NameUse.OFFICIAL,
            "D", HumanName.NameUse.USUAL,
            "M", HumanName.NameUse.MAIDEN,
            "N", HumanName.NameUse.NICKNAME,
            "A", HumanName.NameUse.ANONYMOUS,
            "S", HumanName.NameUse.ANONYMOUS,
            "T", HumanName.NameUse.TEMP);

    static HumanName name(Type of) throws HL7Exception {
        HumanName name = new HumanName().setFamily(part(of, 1));
        if (part(of, 7) != null) name.setUse(NAME_USES.get(part(of, 7)));
        for (int given = 2; given <= 3; given++) if (part(of, given) != null) name.addGiven(part(of, given));
        if (part(of, 5) != null) name.addPrefix(part(of, 5));
        for (int suffix = 4; suffix <= 6; suffix += 2) if (part(of, suffix) != null) name.addSuffix(part(of, suffix));
        return name;
    }

    private static final Map<String, Address.AddressUse> ADDRESS_USES = Map.of(
            "H", Address.AddressUse.HOME,
            "B", Address.AddressUse.WORK,
            "O", Address.AddressUse.WORK,
            "C", Address.AddressUse.TEMP,
            "BA", Address.AddressUse.OLD,
            "BI", Address.AddressUse.BILLING);

    static Address address(Type of) throws HL7Exception {
        String used = part(of, 7);
        Address address = new Address();
        if (used != null) address.setUse(ADDRESS_USES.get(used));
        if ("M".equals(used)) address.setType(Address.AddressType.POSTAL);
        for (int line = 1; line <= 2; line++) if (part(of, line) != null) address.addLine(part(of, line));
        return address.setCity(part(of, 3)).setDistrict(part(of, 9)).setState(part(of, 4))
                .setPostalCode(part(of, 5)).setCountry(part(of, 6));
    }

    private static final Map<String, ContactPoint.ContactPointSystem> TELECOM_SYSTEMS = Map.of(
            "FX", ContactPoint.ContactPointSystem.FAX,
            "Internet", ContactPoint.ContactPointSystem.EMAIL,
            "X.400", ContactPoint.ContactPointSystem.EMAIL,
            "BP", ContactPoint.ContactPointSystem.PAGER,
            "SAT", ContactPoint.ContactPointSystem.OTHER,
            "MD", ContactPoint.ContactPointSystem.OTHER,
            "TDD", ContactPoint.ContactPointSystem.OTHER,
            "TTY", ContactPoint.ContactPointSystem.OTHER);
    private static final Map<String, ContactPoint.ContactPointUse> TELECOM_USES = Map.of(
            "PRN", ContactPoint.ContactPointUse.HOME,
            "ORN", ContactPoint.ContactPointUse.HOME,
            "VHN", ContactPoint.ContactPointUse.HOME,
            "WPN", ContactPoint.ContactPointUse.WORK,
            "PRS", ContactPoint.ContactPointUse.MOBILE);

    private static ContactPoint reached(Type of, ContactPoint.ContactPointUse otherwise) throws HL7Exception {
        String kind = Objects.requireNonNullElse(part(of, 3), ""), used = Objects.requireNonNullElse(part(of, 2), "");
        var system = TELECOM_SYSTEMS.getOrDefault(kind, ContactPoint.ContactPointSystem.PHONE);
        String value = system == ContactPoint.ContactPointSystem.EMAIL ? part(of, 4) : null;
        if (value == null) value = part(of, 1);
        if (value == null) value = part(of, 12);
        if (value == null && part(of, 7) != null) {
            value = part(of, 6) == null ? part(of, 7) : "(" + part(of, 6) + ") " + part(of, 7);
        }
        if (value == null) return null;
        if (kind.equals("CP")) otherwise = ContactPoint.ContactPointUse.MOBILE;
        return new ContactPoint().setSystem(system).setValue(value).setUse(TELECOM_USES.getOrDefault(used, otherwise));
    }

    static void telecom(Segment of, int home, int work, List<ContactPoint> to) throws HL7Exception {
        for (Type it : list(of, home)) add(to, reached(it, ContactPoint.ContactPointUse.HOME));
        for (Type it : list(of, work)) add(to, reached(it, ContactPoint.ContactPointUse.WORK));
    }

    static <T> void add(List<T> to, T one) {
        if (one != null) to.add(one);
    }

    /** A clinician's number, and what others would call them. */
    static Reference clinician(Type of) throws HL7Exception {
        String value = part(of, 1);
        Reference who = new Reference();
        if (value != null) who.setIdentifier(new Identifier().setSystem(assigned(of, 9)).setValue(value));
        String words = Stream.of(part(of, 6), part(of, 3), part(of, 4), part(of, 2), part(of, 5))
                .filter(Objects::nonNull).collect(Collectors.joining(" "));
        if (!words.isEmpty()) who.setDisplay(words);
        return who.isEmpty() ? null : who;
    }

    private static final Map<String, AdministrativeGender> GENDERS = Map.of(
            "M", AdministrativeGender.MALE,
            "F", AdministrativeGender.FEMALE,
            "O", AdministrativeGender.OTHER,
            "A", AdministrativeGender.OTHER);

    static AdministrativeGender gender(Type of) throws HL7Exception {
        return translated(of, "0001", GENDERS, AdministrativeGender.UNKNOWN);
    }

    private static BooleanType isTrue(String text) {
        if ("Y".equals(text) || "true".equals(text)) return new BooleanType(true);
        return "N".equals(text) || "false".equals(text) ? new BooleanType(false) : null;
    }

    static Patient patient(Segment pid) throws HL7Exception {
        Patient patient = new Patient();
        for (Type it : list(pid, 3)) add(patient.getIdentifier(), identifier(it));
        if (text(pid, 19) != null) {
            patient.addIdentifier().setType(hl7("v2-0203", "SS")).setSystem("http://hl7.org/fhir/sid/us-ssn")
                    .setValue(text(pid, 19));
        }
        for (Type it : list(pid, 5)) add(patient.getName(), name(it));
        telecom(pid, 13, 14, patient.getTelecom());
        patient.setGender(gender(value(pid, 8)));
        patient.setBirthDateElement(date(text(pid, 7)));
        DateTimeType died = dateTime(text(pid, 29));
        patient.setDeceased(died != null ? died : isTrue(text(pid, 30)));
        for (Type it : list(pid, 11)) add(patient.getAddress(), address(it));
        Type married = value(pid, 16);
        if (part(married, 1) != null) {
            patient.setMaritalStatus(one(TERMINOLOGY + "v3-MaritalStatus", part(married, 1), part(married, 2)));
        }
        String order = text(pid, 25);
        patient.setMultipleBirth(order != null && order.matches("[0-9]+") ? new IntegerType(order) : isTrue(text(pid, 24)));
        CodeableConcept language = concept(value(pid, 15));
        if (language != null) patient.addCommunication().setLanguage(language);
        return patient;
    }

    private Types() {}
}
