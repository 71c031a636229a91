//! What each pass makes of small plans, in the text of plans.

use super::{calls, dead, fold, reached, repeats};
use crate::check::typed::{CodeKey, Pick, Primitive};
use crate::plan::{
    Block, CodePart, Constant, Form, Gives, Mark, Part, Plan, Reads, Routine, RoutineId, Rule, Said, Step, Take, Test,
    Until, Val,
};
use emr_message::group::Grammar;

/// A plan of these routines over one PID segment, the last its entry.
fn plan(routines: Vec<Routine>) -> Plan {
    let rule = |start| Rule { function: "m".into(), at: start..start + 1 };
    let said = |text: &str, rule| Said { code: "R0501", text: text.into(), rule };
    Plan {
        name: "m".into(),
        grammar: Grammar::default(),
        stated: Vec::new(),
        reads: [("PID".into(), Reads::default())].into_iter().collect(),
        takes: vec![Take::Segments { name: "PID".into(), list: false, required: true }],
        gives: Gives::Value,
        entry: RoutineId::try_from(routines.len() - 1).unwrap(),
        routines,
        issues: vec![said("no date", 0), said("no date", 1), said("no number", 0)],
        rules: vec![rule(0), rule(1)],
        tables: Vec::new(),
        asked: Vec::new(),
    }
}

fn routine(params: u32, result: Option<Val>, body: Block) -> Routine {
    Routine { name: "r".into(), params, vals: 40, body, result, marks: Vec::new() }
}

fn alone(body: Block) -> Plan {
    plan(vec![routine(1, None, body)])
}

/// The routines of a plan as text, after a pass.
fn after(pass: fn(&mut Plan), mut plan: Plan) -> String {
    pass(&mut plan);
    let text = plan.to_string();
    let from = text.find("routine 0").unwrap_or_default();
    text[from..].replace(" values are given)", ")")
}

/// The steps of the entry alone.
fn steps(pass: fn(&mut Plan), plan: Plan) -> String {
    let text = after(pass, plan);
    let lines = text.lines().filter(|line| line.starts_with("  ")).map(|line| format!("{}\n", &line[2..]));
    lines.collect()
}

fn field(number: u16, to: Val) -> Step {
    Step::Take { of: 0, part: Part::Field { number, repeats: true }, to }
}

fn component(of: Val, number: u8, to: Val) -> Step {
    Step::Take { of, part: Part::Component(number), to }
}

fn first(of: Val, to: Val) -> Step {
    Step::Pick { which: Pick::First, of, to, issue: 0 }
}

fn text(text: &str, to: Val) -> Step {
    Step::Constant { value: Constant::Text(text.into()), to }
}

fn missing(to: Val) -> Step {
    Step::Constant { value: Constant::Missing, to }
}

fn code(code: &str, to: Val) -> Step {
    Step::Constant { value: Constant::Coded { system: None, code: code.into(), display: None, live: true }, to }
}

fn write(of: Val) -> Block {
    vec![Step::Put("\"use\":".into()), Step::Write { of, form: Form::Code }, Step::Put(",".into())]
}

fn when(test: Test, yes: Block, no: Block) -> Step {
    Step::If { test, yes, no }
}

/// `M` is male, others nothing.
fn table(of: Val, to: Val) -> Vec<Step> {
    let male = vec![(vec![CodeKey::Code("M".into())], vec![code("male", to)])];
    vec![missing(to), when(Test::Present(of), vec![Step::Choose { of, arms: male, other: vec![] }], vec![])]
}

#[test]
fn a_table_stands_in_place_of_its_call_and_writes_its_codes_itself() {
    let call = Step::Call { routine: 0, arguments: vec![1], to: Some(2) };
    let body = vec![field(8, 1), call, when(Test::Present(2), write(2), vec![])];
    let made = plan(vec![routine(1, Some(1), table(0, 1)), routine(1, None, body)]);
    let both = |plan: &mut Plan| [calls::run, fold::run, dead::run, reached::run].iter().for_each(|pass| pass(plan));
    let expected = "\
%1 = %0 -8*
if %1 is present
  choose by %1
    `M` =>
      count
      put \"use\":\"male\",
    else =>
";
    assert_eq!(steps(both, made), expected);
}

#[test]
fn what_a_routine_never_set_is_missing_at_each_turn() {
    // %1 is set only if there is a first component.
    let body = vec![component(0, 1, 2), when(Test::Present(2), vec![Step::Set { from: 2, to: 1 }], vec![])];
    let call = Step::Call { routine: 0, arguments: vec![2], to: Some(3) };
    let each = Step::Each { of: 1, item: 2, body: vec![call], until: Until::All };
    let made = plan(vec![routine(1, Some(1), body), routine(1, None, vec![field(3, 1), each])]);
    let expected = "each %2 of %1\n  %3 = missing\n  %42 = %2 .1\n  if %42 is present\n    %3 = %42\n";
    assert!(steps(calls::run, made).ends_with(expected));
}

#[test]
fn a_value_that_a_routine_may_leave_half_way_is_handed_over_at_its_end() {
    let body = vec![Step::Set { from: 0, to: 1 }, Step::Fail];
    let attempt = Step::Attempt { body: vec![Step::Call { routine: 0, arguments: vec![0], to: Some(1) }], issue: 0 };
    let made = plan(vec![routine(1, Some(1), body), routine(1, None, vec![attempt])]);
    assert!(steps(calls::run, made).ends_with("attempt, else 0\n  %41 = %0\n  fail\n  %1 = %41\n"));
}

#[test]
fn constants_go_through_what_is_made_of_them() {
    let part = Step::CodePart { of: 1, part: CodePart::Code, to: 2 };
    let convert = Step::Convert { of: 2, into: Primitive::Code, to: 3, issue: None };
    let join = Step::Join { parts: vec![3, 1], to: 4 };
    let written = when(Test::Present(4), vec![Step::Write { of: 4, form: Form::Text }], vec![Step::Fail]);
    let made = alone(vec![text(" a", 1), part, convert, join, written]);
    assert_eq!(steps(fold::run, made), "%1 = ` a`\n%2 = ` a`\n%3 = `a`\n%4 = `a a`\nput \"a a\"\n");
}

#[test]
fn what_one_of_two_ways_sets_is_not_known() {
    let made = alone(vec![
        field(1, 1),
        missing(2),
        when(Test::Present(1), vec![text("a", 2)], vec![]),
        when(Test::Present(2), vec![Step::Fail], vec![]),
        when(Test::Present(1), vec![], vec![when(Test::Present(1), vec![Step::Fail], vec![])]),
    ]);
    let expected = "%1 = %0 -1*\n%2 = missing\nif %1 is present\n  %2 = `a`\nif %2 is present\n  fail\n";
    assert_eq!(steps(fold::run, made), expected);
}

#[test]
fn what_is_set_in_a_loop_is_not_known_in_it() {
    let body = vec![when(Test::Present(2), vec![Step::Fail], vec![]), text("a", 2)];
    let made = alone(vec![field(1, 1), missing(2), Step::Each { of: 1, item: 3, body, until: Until::All }]);
    assert!(steps(fold::run, made).contains("if %2 is present"));
}

#[test]
fn a_choice_that_gives_a_value_of_the_message_stays() {
    let mut body = table(1, 2);
    if let Some(Step::If { yes, .. }) = body.last_mut() {
        yes.push(Step::Set { from: 1, to: 2 });
    }
    body.insert(0, field(8, 1));
    body.push(when(Test::Present(2), write(2), vec![]));
    assert!(steps(fold::run, alone(body)).ends_with("if %2 is present\n  put \"use\":\n  write %2 as Code\n  put ,\n"));
}

#[test]
fn what_is_taken_twice_is_taken_once() {
    let again = vec![field(3, 4), first(4, 5), component(5, 2, 6), Step::Write { of: 6, form: Form::Text }];
    let made = alone(vec![field(3, 1), first(1, 2), component(2, 1, 3), when(Test::Present(3), again, vec![])]);
    let expected = "\
%1 = %0 -3*
%2 = First of %1
%3 = %2 .1
if %3 is present
  %6 = %2 .2
  write %6 as Text
";
    assert_eq!(steps(repeats::run, made), expected);
}

#[test]
fn what_is_said_of_two_conversions_must_be_the_same() {
    let convert = |to, issue| Step::Convert { of: 1, into: Primitive::Date, to, issue: Some(issue) };
    let made = alone(vec![field(7, 1), convert(2, 0), convert(3, 1), convert(4, 2)]);
    assert_eq!(steps(repeats::run, made), "%1 = %0 -7*\n%2 = %1 as Date, else 0\n%4 = %1 as Date, else 2\n");
}

#[test]
fn what_one_way_took_others_take_again() {
    let way = |to| vec![component(1, 1, to), Step::Write { of: to, form: Form::Text }];
    let body = vec![field(3, 1), when(Test::Null(1), way(2), way(3)), component(1, 1, 4)];
    let made = alone(body);
    assert_eq!(steps(repeats::run, made.clone()), steps(|_| {}, made));
}

#[test]
fn what_nobody_reads_is_not_made() {
    let single = Step::Take { of: 0, part: Part::Field { number: 7, repeats: false }, to: 3 };
    let date = Step::Convert { of: 3, into: Primitive::Date, to: 4, issue: Some(0) };
    let unread = when(Test::Present(1), vec![text("a", 5)], vec![]);
    // One of several is told of, and so is what is no date.
    let made = alone(vec![field(3, 1), component(1, 1, 2), single, date, unread]);
    assert_eq!(steps(dead::run, made), "%3 = %0 -7\n%4 = %3 as Date, else 0\n");
}

#[test]
fn what_nothing_calls_is_left_out() {
    let call = |routine| vec![Step::Call { routine, arguments: vec![0], to: None }];
    let routines = vec![
        routine(1, None, vec![]),
        routine(1, None, write(0)),
        routine(1, None, call(0)),
        routine(1, None, call(1)),
    ];
    let mut made = plan(routines);
    reached::run(&mut made);
    assert_eq!((made.routines.len(), made.entry), (2, 1));
    assert_eq!(made.routines[1].body, call(0));
}

#[test]
fn steps_keep_their_rules() {
    let mut called = routine(1, Some(1), vec![component(0, 1, 1)]);
    called.marks = vec![Mark { step: 0, rule: 1 }];
    let call = Step::Call { routine: 0, arguments: vec![1], to: Some(2) };
    let mut calls = routine(1, None, vec![field(3, 1), call, Step::Write { of: 2, form: Form::Text }]);
    calls.marks = vec![Mark { step: 0, rule: 0 }];
    let made = super::run(plan(vec![called, calls]));
    let rules: Vec<_> = made.routines[0].ruled().into_iter().map(|(_, rule)| rule).collect();
    assert_eq!(rules, [0, 1, 0]);
}

#[test]
fn a_traced_plan_stays_as_it_is() {
    let made = alone(vec![text("a", 1), Step::Trace { rule: 0, of: Some(1) }, Step::Write { of: 1, form: Form::Text }]);
    assert_eq!(super::run(made.clone()), made);
}
