//! The helpers that compiled code calls for what is long, rare or of the host: one list.
//!
//! The contract of all of them: the first argument is the context that the host gave; all others and the result are
//! words. A text is two words, its place and its length, and a length below 1 is a missing text. A text that a helper
//! gives lies in the host's arena until the message is done, with [`crate::SLACK`] readable bytes behind it, is ready
//! for JSON, and stands in `results[0]`, its length being the helper's result. A helper that panics notes
//! [`crate::Stop::Panic`] and gives 0; one that cannot do its work as the interpreter would notes
//! [`crate::Stop::Defer`].

use crate::Context;

macro_rules! word {
    ($argument:ident) => {
        u64
    };
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($argument:ident),*);)*) => {
        /// The one table through which compiled code calls out.
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct Helpers {
            $($(#[$doc])* pub $name: unsafe extern "C" fn(*mut Context $(, word!($argument))*) -> u64),*
        }

        /// A helper of the table, by name.
        #[allow(non_camel_case_types, reason = "the names are those of the table")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Call {
            $($name),*
        }

        impl Call {
            pub const ALL: &[Call] = &[$(Call::$name),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Call::$name => stringify!($name)),*
                }
            }

            /// Where its address stands in the [`Context`], in bytes.
            pub fn offset(self) -> usize {
                core::mem::offset_of!(Context, helpers) + match self {
                    $(Call::$name => core::mem::offset_of!(Helpers, $name)),*
                }
            }

            /// How many words it takes beside the context.
            pub fn arguments(self) -> usize {
                match self {
                    $(Call::$name => <[&str]>::len(&[$(stringify!($argument)),*])),*
                }
            }
        }

        /// The list as text: what an artifact was compiled against, in short.
        const LIST: &str = concat!($(stringify!($name), "(", $(stringify!($argument), ",",)* ")"),*);
    };
}

/// Names the version of this contract: it changes with the list of helpers and with the size of the context.
pub const VERSION: u64 = hash(LIST.as_bytes(), core::mem::size_of::<Context>() as u64);

/// FNV-1a, which is short and may run while compiling.
pub const fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        hash = (hash ^ *first as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = after;
    }
    hash
}

calls! {
    // ---- taking values apart, where they are too long for one word of a map

    /// The length of the first leaf.
    head(at, length);
    /// The length of the first repetition.
    repetition(at, length);
    /// Into `to`, in words: -1 and the ends of the first `count` components, as offsets in the value, then how long the
    /// first leaf of each is. Those past the last are empty.
    components(at, length, count, to);
    /// The same for subcomponents, without leaves.
    subcomponents(at, length, count, to);
    /// 1 if anything but separators is in it.
    present(at, length);
    /// The same of any of its repetitions.
    repeated(at, length);
    /// 1 if it is an explicit null, or one of its repetitions where `repeats` is 1.
    null(at, length, repeats);
    /// The length of the first repetition after the first that has a value, 0 if there is none; its place is `results[0]`.
    second(at, length);
    /// The nth repetition, counted from 1; its place is `results[0]`.
    nth(at, length, n);

    // ---- groups

    /// Of a group that a segment joined out of its turn the second segment in the slot, 0 if there is none.
    joined(group, slot);

    // ---- texts

    /// The first leaf of a value of the message with the white space that was taken off its ends: `length` is that of the
    /// leaf, `whole` that of the value.
    untrimmed(at, length, whole);
    /// As a primitive of FHIR, by number; -1 where the text is no such thing.
    convert(into, at, length);
    /// The same for a date and for a dateTime, which are frequent.
    date(at, length);
    date_time(at, length);
    /// 1 if the text is a number or a boolean of JSON.
    bare(at, length);
    /// A function of the library over the `count` texts in `results`; -1 where an argument is not what it takes.
    builtin(function, count);
    /// Two numbers calculated with, by the number of the operation in the plan: missing where one is, -1 where one is no
    /// number or there is no result.
    calculate(op, left, left_length, right, right_length);
    /// The digits of a whole number.
    counted(number);
    /// A part of the message's receipt, by number.
    receipt(part);
    /// A comparison that bytes alone do not decide: 1 if it holds. `op` and `how` are numbers of the plan.
    compare(op, how, left, left_length, right, right_length);
    /// 1 if the pattern of that number matches.
    matches(pattern, at, length);
    /// 1 if the text is a whole number in the range.
    within(at, length, from, to);
    /// A cell of a table, by its number: of the row whose keys are the `count` texts in `results`; missing if there is none.
    lookup(table, count, cell);
    /// The same for a code, of which the system stands in the cell: system, code and display come as three texts in
    /// `results`, and the result is how long the code is.
    lookup_code(table, count, cell);

    // ---- durations, which are words of milliseconds: the lowest number there is stands for none, and where one cannot be
    // made of what is given, `results[0]` is 1

    /// A text as a duration.
    milliseconds(at, length);
    /// A function of the library that gives one, over the `count` texts in `results`.
    duration(function, count);
    /// How many whole minutes a duration has, as a text.
    in_minutes(duration);
    /// Two durations together, one without the other, by the number of the operation in the plan.
    durations(op, left, right);
    /// A duration so many times.
    scaled(op, duration, at, length);
    /// A time moved by a duration: a text, or -1 where that cannot be.
    moved(op, at, length, duration);

    // ---- lists

    /// Room for `words` more at the end of a list, which counts one item more; its place.
    push(list, words);
    /// How many booleans of a list are true.
    truths(list);
    /// The list of `to` becomes that of `from`, whose items have so many words.
    copy(from, to, words);

    /// A function of the library over the texts of a list, which has two words for each, and perhaps one more; -1 where one
    /// of them is not what it takes.
    over(function, list, at, length);
    /// Which of such texts a function chooses: its number from 0, or -1.
    chosen(function, list);
    /// The list of `to` becomes the items of `from`, each of so many words, without those that are equal to an earlier one:
    /// by their texts in a list of two words each or, where `part` is 1, as a whole by the first two of the words of `texts`.
    distinct(from, texts, part, to, words);
    /// Adds the pieces of the first text in `results` between those of the second to a list of so many words an item, the
    /// third of which is `told`.
    pieces(list, words, told);
    /// Notes the text by which the next item of a list is of a group, in a list of numbers that has a word for each.
    keyed(numbers, at, length);
    /// How many groups the items are of.
    groups(numbers);
    /// The list of `to` becomes the items of `from` that are of that group, each of so many words.
    group(numbers, group, from, to, words);

    // ---- nodes: what is in a resource that came, by number; 0 stands for what is missing

    /// The element of a node, by the first of some names that is there, or those of its items if it is a list. Between
    /// the names stands `|`.
    element(node, names, length);
    /// A node, or those of its items, that is a resource of that type.
    of_type(node, name, length);
    /// 1 if anything is in it.
    is_there(node);
    /// 1 if it counts as a value of the message, though nothing need be in it.
    is_live(node);
    /// The text of a primitive; missing for all else.
    leaf(node);
    /// The first item of a list that is there; all else is itself.
    first_item(node);
    /// The nth item that is there, counted from 1, of a list or of one value.
    nth_item(node, n);
    /// Adds the items that are there to a list of nodes.
    items(node, list);
    /// A list of nodes as one node.
    several(list);
    /// A text that only equal nodes have in common.
    identity(node);
    /// What references lead to among the resources that came.
    resolved(node);
    /// Writes a node as JSON; gives the new place of output.
    json(to, node);
    json_items(to, node);

    // ---- resources

    /// Begins a resource at a place of output: its number. The parts of its key stand in `results`, as many words a part as
    /// its kind has. Where it is to be written comes back in `results[0]`, 0 if it is not. Of what is to be changed -1 without a
    /// key, and [`crate::UNSEARCHED`] where no server can be asked for it by its key.
    emit_begin(emit, at);
    /// Ends it with what was written between two places; the number of the entry that stands for it, -1 for none. If it has a
    /// key, [`crate::DIFFERS`] is added where that entry says something else.
    emit_end(entry, from, to);
    /// The number of an entry that is referred to by its key, as `emit_begin` takes it, and never written; -1 without a key.
    refer(emit);
    /// Notes that an entry is a copy of a node: what refers to that leads to the entry.
    copied(entry, node);
    /// Writes all entries; gives the new place of output. What a program writes in place is moved before them.
    entries(to, requests);
    /// Writes a reference to an entry; gives the new place of output.
    reference(to, entry);

    /// Begins to keep what is inside a resource.
    contain_begin();
    /// Takes out what was written between two places of output, as a resource inside the one that is being written: its
    /// number, or -1 for none.
    contain(from, to);
    /// Adds what is inside to a resource that was written between two places; gives the new place of output.
    contain_end(from, to);
    /// How many resources are being written.
    contain_level();
    /// So many are, whatever was begun since.
    contain_back(level);
    /// Writes a reference to a resource inside; gives the new place of output.
    inside(to, number);

    // ---- what was written before

    /// Nothing was written yet of what has that number.
    forget(number);
    /// 1 if something was written between two places of output, and the same not before of that number.
    unlike(number, from, to);

    // ---- messages that are made

    /// An edit of a segment, which is counted from 1: its place, four numbers of 16 bits (field, repetition, component,
    /// subcomponent; 0 drops the segment), and what was written of the new value between two places of output.
    edit(segment, spot, from, to);
    /// Writes the number of a segment, which is counted from 1 here and from 0 there; gives the new place of output.
    segment(to, segment);
    /// Writes where a segment stands, or what has such an origin (`trace`); gives the new place of output.
    place(to, segment, origin);

    // ---- lineage, which only traced programs tell

    /// What is written from that place on comes of a rule, by its number, and of an origin: where the value stands in the
    /// message, as the place in the text, shifted by three bits, its level in two bits, and a bit of the code's own; of no
    /// place if only that bit is set.
    trace(at, rule, origin);
    /// What was written from that place on is taken back.
    untrace(at);
    /// The same for what was written between two places, to the first of which all that stands behind was moved.
    trace_moved(from, to);
    /// The same as `emit_end`, for a traced program.
    trace_end(entry, from, to);
    /// The same as `entries`.
    trace_entries(to, requests);

    // ---- what is said

    /// An issue of that number, about a place: how it is told is a [`crate::Told`], `level` the level of the value at
    /// `at`, and `path` four numbers of 16 bits, field, repetition, component and subcomponent, the field highest.
    issue(issue, told, at, level, path);
    /// The same, with which the message is refused.
    reject(issue, told, at, level, path);
}
