use proptest::prelude::*;

use super::*;

/// A grammar in one line: `MSH PID PD1? ORDER+(ORC? <OBR|RXO> NTE*)`.
fn grammar(text: &str) -> Grammar {
    let mut grammar = Grammar::default();
    grammar.nodes.push(Node { name: "MESSAGE".into(), required: true, repeats: false, kind: Kind::Group(vec![]) });
    let mut rest = text;
    let members = read(&mut rest, &mut grammar);
    grammar.nodes[0].kind = Kind::Group(members);
    grammar
}

fn read(rest: &mut &str, grammar: &mut Grammar) -> Vec<NodeId> {
    let mut out = Vec::new();
    loop {
        *rest = rest.trim_start_matches([' ', '|']);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let is_choice = after.starts_with('<');
        if name.is_empty() && !is_choice {
            return out;
        }
        let mark = after.chars().next().filter(|c| "?*+".contains(*c));
        *rest = after.trim_start_matches(['?', '*', '+']);
        let id = u32::try_from(grammar.nodes.len()).unwrap();
        let (required, repeats) = (!matches!(mark, Some('?' | '*')), matches!(mark, Some('*' | '+')));
        let kind = Kind::Choice(vec![]);
        grammar.nodes.push(Node { name: name.to_owned(), required, repeats, kind });
        let kind = match rest.chars().next().filter(|c| "(<".contains(*c)) {
            Some(open) => {
                *rest = &rest[1..];
                let members = read(rest, grammar);
                *rest = &rest[1..];
                if open == '(' { Kind::Group(members) } else { Kind::Choice(members) }
            }
            None => Kind::Segment(Name::read(name).unwrap()),
        };
        grammar.nodes[id as usize].kind = kind;
        out.push(id);
    }
}

fn built(grammar: &Grammar, message: &str) -> Groups {
    build(grammar, message.split_whitespace().map(|name| Name::read(name).unwrap_or(Name::NONE)))
}

/// The groups in brackets, each segment with its index; then what was bent.
fn shown(grammar: &Grammar, message: &str) -> String {
    let groups = built(grammar, message);
    let name = |node: NodeId| grammar.nodes[node as usize].name.as_str();
    let bent = groups.bent.iter().map(|bent| match *bent {
        Bent::Unplaced { segment } => format!("unplaced {segment}"),
        Bent::Joined { segment, group } => format!("{segment} joined {}", name(groups.node(group))),
        Bent::OpenedInside { segment, group } => format!("{segment} opened {}", name(groups.node(group))),
        Bent::Missing { group, node } => format!("{} lacks {}", name(groups.node(group)), name(node)),
    });
    let bent = bent.map(|line| format!("; {line}")).collect::<String>();
    format!("{}{bent}", inner(grammar, &groups, 0))
}

fn inner(grammar: &Grammar, groups: &Groups, group: GroupId) -> String {
    let show = |(node, item): (NodeId, Item)| match item {
        Item::Segment(segment) => format!("{}{segment}", grammar.nodes[node as usize].name),
        Item::Group(of) => format!("{}({})", grammar.nodes[node as usize].name, inner(grammar, groups, of)),
    };
    groups.members(group).map(show).collect::<Vec<_>>().join(" ")
}

const ADT: &str =
    "MSH EVN PID PD1? ROL* NK1* PV1 PV2? ROL* DG1* PROCEDURE*(PR1 ROL*) GT1* INSURANCE*(IN1 IN2? ROL*) ACC?";
const ORU: &str = "MSH PATIENT_RESULT+(PATIENT?(PID NTE* VISIT?(PV1 PV2?)) ORDER+(ORC? OBR NTE* OBSERVATION*(OBX NTE*) \
                   SPECIMEN*(SPM OBX*))) DSC?";

#[test]
fn segments_that_follow_the_structure() {
    let adt = grammar(ADT);
    assert_eq!(
        shown(&adt, "MSH EVN PID ROL NK1 NK1 PV1 ROL DG1 PR1 ROL PR1 IN1 ROL IN1 IN2"),
        "MSH0 EVN1 PID2 ROL3 NK14 NK15 PV16 ROL7 DG18 PROCEDURE(PR19 ROL10) PROCEDURE(PR111) INSURANCE(IN112 ROL13) \
         INSURANCE(IN114 IN215)"
    );
    let oru = grammar(ORU);
    assert_eq!(
        shown(&oru, "MSH PID NTE PV1 ORC OBR NTE OBX NTE NTE OBX SPM OBR OBX PID OBR DSC"),
        "MSH0 PATIENT_RESULT(PATIENT(PID1 NTE2 VISIT(PV13)) ORDER(ORC4 OBR5 NTE6 OBSERVATION(OBX7 NTE8 NTE9) \
         OBSERVATION(OBX10) SPECIMEN(SPM11)) ORDER(OBR12 OBSERVATION(OBX13))) PATIENT_RESULT(PATIENT(PID14) \
         ORDER(OBR15)) DSC16"
    );
}

#[test]
fn what_may_follow_a_place() {
    let oru = grammar("MSH PATIENT_RESULT+(PID NTE* ORDER+(ORC? OBR SPECIMEN*(SPM OBX*) OBSERVATION*(OBX NTE*))) DSC?");
    let may = |place: &str, name: &str| {
        let found = |(node, _): &(u32, &Node)| {
            let (group, member) = place.split_once('.').unwrap();
            let inside = |around: &Node| match &around.kind {
                Kind::Group(members) => around.name == group && members.contains(node),
                _ => false,
            };
            oru.nodes[*node as usize].name == member && oru.nodes.iter().any(inside)
        };
        let node = (0..).zip(&oru.nodes).find(found).unwrap().0;
        oru.may_follow(node, Name::read(name).unwrap())
    };
    assert!(may("SPECIMEN.OBX", "OBX"));
    assert!(may("SPECIMEN.OBX", "SPM"));
    assert!(may("OBSERVATION.NTE", "OBX"));
    assert!(may("OBSERVATION.NTE", "PID"));
    // Not at its own place, nor where another must stand before.
    assert!(!may("PATIENT_RESULT.NTE", "NTE"));
    assert!(!may("PATIENT_RESULT.NTE", "OBX"));
    assert!(!may("MESSAGE.DSC", "OBX"));
}

#[test]
fn two_places_of_one_name_are_told_apart_by_what_stands_before() {
    let adt = grammar(ADT);
    let groups = built(&adt, "MSH EVN PID ROL ROL PV1 ROL");
    let at = |segment| groups.place_of(segment).unwrap().1;
    assert_eq!(at(3), at(4));
    assert_ne!(at(3), at(6));
    assert_eq!(groups.segments(0, at(3)).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_stray_segment_joins_the_last_open_group_that_can_hold_it() {
    let adt = grammar(ADT);
    assert_eq!(shown(&adt, "MSH EVN PID PV1 NK1 DG1"), "MSH0 EVN1 PID2 PV13 NK14 DG15; 4 joined MESSAGE");
    assert_eq!(
        shown(&adt, "MSH EVN PID PV1 PV1 IN1 IN1 IN2 IN2 ROL NK1 ROL"),
        "MSH0 EVN1 PID2 PV13 PV14 INSURANCE(IN15) INSURANCE(IN16 IN27 IN28 ROL9 ROL11) NK110; 4 joined MESSAGE; \
         8 joined INSURANCE; 10 joined MESSAGE"
    );
    let oru = grammar(ORU);
    assert_eq!(
        shown(&oru, "MSH PID PV1 NTE OBR OBX PV2 OBX"),
        "MSH0 PATIENT_RESULT(PATIENT(PID1 VISIT(PV12 PV26) NTE3) ORDER(OBR4 OBSERVATION(OBX5) OBSERVATION(OBX7))); \
         3 joined PATIENT; 6 joined VISIT"
    );
}

#[test]
fn the_place_of_a_stray_is_the_nearest() {
    let adt = grammar(ADT);
    let groups = built(&adt, "MSH EVN PID ROL PV1 ROL DG1 ROL");
    assert_eq!(groups.place_of(7), groups.place_of(5));
}

#[test]
fn the_next_order_is_no_prior_result_of_the_first() {
    let oml =
        grammar("MSH PATIENT?(PID) ORDER+(ORC REQUEST?(OBR DG1* PRIOR*(BEFORE?(PID) PRIOR_ORDER+(ORC? OBR OBX*))))");
    assert_eq!(
        shown(&oml, "MSH PID ORC OBR DG1 ORC OBR DG1"),
        "MSH0 PATIENT(PID1) ORDER(ORC2 REQUEST(OBR3 DG14)) ORDER(ORC5 REQUEST(OBR6 DG17))"
    );
    assert_eq!(
        shown(&oml, "MSH PID ORC OBR PID ORC OBR OBX ORC OBR ORC"),
        "MSH0 PATIENT(PID1) ORDER(ORC2 REQUEST(OBR3 PRIOR(BEFORE(PID4) PRIOR_ORDER(ORC5 OBR6 OBX7) PRIOR_ORDER(ORC8 \
         OBR9) PRIOR_ORDER(ORC10)))); PRIOR_ORDER lacks OBR"
    );
    let oru = grammar(ORU);
    assert_eq!(shown(&oru, "MSH OBR OBX OBR"), "MSH0 PATIENT_RESULT(ORDER(OBR1 OBSERVATION(OBX2)) ORDER(OBR3))");
}

#[test]
fn a_group_without_its_first_segment_is_opened_inside() {
    let oru = grammar(ORU);
    assert_eq!(
        shown(&oru, "MSH PID OBX NTE OBX"),
        "MSH0 PATIENT_RESULT(PATIENT(PID1) ORDER(OBSERVATION(OBX2 NTE3) OBSERVATION(OBX4))); 2 opened OBSERVATION; \
         ORDER lacks OBR"
    );
    assert_eq!(
        shown(&oru, "MSH OBR PV1 OBX"),
        "MSH0 PATIENT_RESULT(ORDER(OBR1 OBSERVATION(OBX3)) PATIENT(VISIT(PV12))); 2 opened VISIT; PATIENT lacks PID"
    );
}

#[test]
fn what_has_no_place_is_unplaced() {
    let adt = grammar(ADT);
    assert_eq!(shown(&adt, "junk MSH EVN ZPI PID OBX PV1"), "MSH1 EVN2 PID4 PV16; unplaced 0; unplaced 3; unplaced 5");
    let profiled = grammar("MSH EVN PID ZPI? PV1");
    assert_eq!(shown(&profiled, "MSH EVN PID ZPI PV1"), "MSH0 EVN1 PID2 ZPI3 PV14");
}

#[test]
fn missing_segments_are_told() {
    let adt = grammar(ADT);
    assert_eq!(shown(&adt, "MSH PID"), "MSH0 PID1; MESSAGE lacks EVN; MESSAGE lacks PV1");
}

#[test]
fn a_choice_belongs_to_the_group_around_it() {
    let orm = grammar("MSH ORDER+(ORC DETAIL?(<OBR|RQD|RXO> NTE*) BLG?) <A01|PAIR(A02 A03)>?");
    assert_eq!(
        shown(&orm, "MSH ORC OBR NTE ORC RXO BLG ORC"),
        "MSH0 ORDER(ORC1 DETAIL(OBR2 NTE3)) ORDER(ORC4 DETAIL(RXO5) BLG6) ORDER(ORC7); MESSAGE lacks "
    );
    assert_eq!(shown(&orm, "MSH ORC A02 A03"), "MSH0 ORDER(ORC1) PAIR(A022 A033)");
    assert_eq!(shown(&orm, "MSH ORC OBR OBR A01"), "MSH0 ORDER(ORC1 DETAIL(OBR2 OBR3)) A014; 3 joined DETAIL");
}

#[test]
fn an_empty_grammar_places_nothing() {
    let groups = built(&Grammar::default(), "MSH PID");
    assert_eq!(groups.unplaced().collect::<Vec<_>>(), [0, 1]);
}

proptest! {
    #[test]
    fn every_segment_is_placed_once_or_listed_once(
        names in proptest::collection::vec(
            prop::sample::select(vec![
                "MSH", "PID", "PV1", "PV2", "NTE", "ORC", "OBR", "OBX", "SPM", "DSC", "ZZZ", "junk", "ROL", "IN1", "IN2",
                "PR1", "NK1", "GT1",
            ]),
            0..60,
        ),
        of in prop::sample::select(vec![ADT, ORU]),
    ) {
        let grammar = grammar(of);
        let groups = built(&grammar, &names.join(" "));
        let mut found = groups.unplaced().collect::<Vec<_>>();
        for group in 0..groups.count() {
            let mut last = None;
            for (node, item) in groups.members(group) {
                let Item::Segment(segment) = item else { continue };
                prop_assert!(last < Some(segment), "members stand in the order of the file");
                last = Some(segment);
                prop_assert_eq!(groups.place_of(segment), Some((group, node)));
                found.push(segment);
            }
        }
        found.sort_unstable();
        prop_assert_eq!(found, (0..u32::try_from(names.len()).unwrap()).collect::<Vec<_>>());
    }
}
