//! Every code that a diagnostic can bear, in the ranges of its stage; a code is never used again.
//!
//! E01 syntax, E02 names and modules, E03 HL7 paths and profiles, E04 FHIR elements and profiles, E05 presence,
//! cardinality and types, E06 codes and bindings, E07 resources, references and identity, E08 feeds, targets and
//! routes, E09 projects and packages. A warning has the number that it would have as an error.

use crate::codes::codes;

/// Whether the mapping can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

codes! {
    /// The name of a kind of problem, stable across releases.
    Code {
        /// the text does not follow the grammar
        Unreadable = "E0101";
        /// a path or a rule is not finished
        HalfTyped = "E0102";
        /// a character changes how what stands around it is shown
        HiddenDirection = "E0103";
        /// a file is larger than a mapping can be
        TooLarge = "E0104";
        /// this part of the language is not supported yet
        NotSupportedYet = "E0110";

        /// a name is used that nothing declares
        UnknownName = "E0201";
        /// two declarations have one name
        DuplicateName = "E0202";
        /// a module is used that does not exist
        UnknownModule = "E0203";
        /// a name could mean two things
        Ambiguous = "E0204";
        /// a declaration needs itself
        Recursive = "E0205";
        /// a name is declared and never used
        UnusedName = "W0206";
        /// a name is used that its module keeps private
        PrivateName = "E0207";
        /// a call has too many or too few values, or one that the map does not take
        WrongCall = "E0208";

        /// a path leads nowhere
        UnknownPath = "E0301";
        /// a path is written in another spelling
        WrongPathSpelling = "E0302";
        /// a segment stands in two places that are equally near
        AmbiguousPlace = "E0303";
        /// a version of HL7 v2 is not known
        UnknownVersion = "E0304";
        /// a profile says what its message cannot have
        WrongProfile = "E0305";
        /// a profile has two lines for one place
        LineTwice = "E0306";
        /// what a site declares for itself is not its own
        NotLocal = "E0307";
        /// a map leaves open what a closed profile lists
        LeftOpen = "E0308";
        /// a field is ignored and mapped by one map
        IgnoredAndMapped = "W0309";
        /// a place of a message is written without what it belongs to
        WrongOwner = "E0340";
        /// a field is assigned that the engine writes
        WrittenForYou = "E0341";
        /// a map that makes a message emits a resource
        NoResources = "E0342";

        /// an element does not exist
        UnknownElement = "E0401";
        /// a type does not exist
        UnknownType = "E0402";
        /// an element has no such type to choose
        NotAChoice = "E0403";
        /// an extension is not known, or not for this element
        UnknownExtension = "E0404";
        /// a profile has no such slice
        UnknownSlice = "E0405";
        /// a value is asked for a type that it never has
        NeverOfType = "E0406";

        /// a value is of another type than its place
        WrongType = "E0501";
        /// a required element may be left without a value
        MayBeMissing = "E0502";
        /// a list is given where one value belongs
        ManyForOne = "E0503";
        /// a required element is never assigned
        RequiredNotAssigned = "E0504";
        /// an element is assigned twice
        AssignedTwice = "E0505";
        /// no conversion leads from one type to the other
        NoConversion = "E0506";
        /// an arm can never be reached
        UnreachableArm = "W0507";
        /// a time without an offset needs a timezone
        NoZone = "E0508";
        /// comparisons are chained
        ChainedComparison = "E0509";
        /// a block holds constants alone
        NeverWritten = "W0510";
        /// a total map may refuse a message
        MayReject = "E0530";
        /// a map writes more than it says
        WritesMore = "E0531";
        /// a pattern of a date or time cannot be read
        WrongSpelling = "E0511";
        /// a time zone does not exist
        UnknownZone = "E0512";
        /// a unit is none of UCUM, or does not convert
        WrongUnit = "E0513";
        /// a condition in a bracket asks nothing of the item
        NotOfItem = "W0514";
        /// each of several is given what belongs to others
        OfAnother = "W0515";
        /// nothing makes a resource one of its profile
        NotOfProfile = "W0516";

        /// a code is not one of its set
        UnknownCode = "E0601";
        /// a code table leaves codes out
        NotTotal = "E0602";
        /// a code system is not known
        UnknownSystem = "E0603";
        /// two rows of a table are for one code
        RowsConflict = "E0604";
        /// a row does not fit the columns of its table
        WrongRow = "E0606";
        /// a concept map cannot be a table
        WrongConceptMap = "E0607";
        /// a value set is not known, or not all of its codes
        UnknownValueSet = "E0608";
        /// a code of the sender goes where only FHIR's own codes fit
        Untranslated = "W0605";
        /// several sources of a list are patched, and nothing tells their items apart
        NotToldApart = "E0680";
        /// a change of a resource has no place for something
        NoPatch = "E0681";
        /// a concept map has codes whose translations are not taken
        NotTaken = "W0630";
        /// several messages are made otherwise than by `split`
        SplitAlone = "E0640";
        /// a map that makes a message calls what emits resources
        ResourcesLost = "E0641";
        /// the explicit null is written to FHIR
        NullInFhir = "E0642";
        /// a constant is none of the codes of its HL7 table
        NotInTable = "W0643";
        /// a constant is longer than its place in HL7 v2
        TooLong = "W0645";
        /// what a map makes of HL7 v2 is changed or read again by the same map
        TakenAgain = "E0644";
        /// nothing is known of the codes of a system
        Unchecked = "W0660";
        /// a test asks what a target got, and nothing went through a route
        NothingSent = "E0820";
        /// a code is called otherwise by its system
        WrongDisplay = "W0661";
        /// a code is not in FHIR's copy of its system
        NotInCopy = "W0662";

        /// a reference leads to a resource that its element does not take
        WrongTarget = "E0701";
        /// a resource is keyed by a search parameter that it does not have
        UnknownSearchParameter = "E0702";
        /// a resource is referred to, or its key used, in a way that its key does not allow
        WrongKey = "E0703";
        /// a Bundle lacks what its type asks for
        WrongBundle = "E0704";

        /// no connector has that name, or it does not do that
        UnknownConnector = "E0801";
        /// a feed, target, route or alarm has no such setting
        UnknownSetting = "E0802";
        /// a setting is given what it does not take
        WrongValue = "E0803";
        /// a setting is needed and not given
        MissingSetting = "E0804";
        /// a listener does not say how it is protected
        NoTls = "E0805";
        /// a secret is written into the text
        SecretAsText = "E0806";
        /// no environment gives a value of that name, or one gives a wrong one
        WrongEnvironment = "E0807";
        /// what one part of a route gives is not what the next one takes
        DoesNotFit = "E0808";
        /// messages that a feed accepts go nowhere
        NotHandled = "E0809";
        /// a setting reads what an accepted message does not have
        NotInEachMessage = "E0810";
        /// an event does not exist, or belongs to another message
        UnknownEvent = "E0811";
        /// a feed, target or map is named where another kind belongs
        WrongKind = "E0812";
        /// an alarm watches what is not measured
        UnknownMeasure = "E0813";
        /// only the library declares this
        OnlyInLibrary = "E0814";
        /// what lowers protection is chosen without a reason
        NoReason = "E0815";
        /// a table is read that nobody has asked by then
        NotAskedYet = "E0816";
        /// what a table is asked for is itself an answer
        AnswerAsKey = "E0817";
        /// a query is not one that a table can be asked by
        WrongQuery = "E0818";
        /// a reply that nobody can give, or that nobody waits for
        NoReply = "E0819";
        /// nothing that a feed accepts comes into a route
        NeverReached = "W0821";
        /// a target writes each message to a file of the same name
        OneFile = "W0822";
        /// an environment gives no value of a name that another gives
        NotInEachEnvironment = "W0850";

        /// a setting of the project is not known or of another type
        WrongSetting = "E0901";
        /// a package that a package needs is not there
        MissingPackage = "W0902";
        /// a package of the project cannot be read
        PackageNotThere = "E0903";
        /// a project that this one uses is not there
        DependencyNotThere = "E0904";
        /// what a project uses is not what its lock says
        StaleLock = "E0905";
        /// a file of rows is not there
        FileNotThere = "E0910";
        /// a file of rows cannot be read
        UnreadableFile = "E0911";
        /// a file of rows lacks a column
        NoColumn = "E0912";
        /// a file of terminology cannot be read
        WrongTerminology = "E0913";
    }
}

impl Code {
    /// Its first letter says it.
    pub fn severity(self) -> Severity {
        if self.text().starts_with('W') { Severity::Warning } else { Severity::Error }
    }

    /// The code that is written so, in capitals or not.
    pub fn named(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.text().eq_ignore_ascii_case(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_number_is_used_twice() {
        let numbers: BTreeSet<_> = Code::ALL.iter().map(|code| &code.text()[1..]).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
    }
}
