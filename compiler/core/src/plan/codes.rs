//! Every code of an issue or a rejection, in the ranges of the stages that could not rule it out.

use crate::codes::codes;

codes! {
    /// What is said of a message while it is mapped.
    Code {
        /// the mapping rejects the message
        Rejected = "R0001";
        /// the mapping warns
        Warned = "R0002";
        /// the message takes more steps than it may
        Spent = "R0003";

        /// the structure has no place for a segment
        Unplaced = "R0301";
        /// a segment that the map needs is not there
        NoSegment = "R0302";
        /// there are several where the structure has one
        Several = "R0303";
        /// a place that the profile has is missing, or there are too few
        TooFew = "R0304";
        /// there are more than the profile has
        TooMany = "R0305";
        /// there is what the profile forbids
        Forbidden = "R0306";
        /// a value is shorter or longer than the profile has it
        WrongLength = "R0307";
        /// a value does not match the pattern of the profile
        NotMatched = "R0308";
        /// a code is not one of those that the profile lists
        NotListed = "R0309";
        /// a segment stands elsewhere than the profile has it
        Misplaced = "R0310";
        /// a charset lacks a character
        Lacking = "R0320";
        /// MSH-18 of a message that is made names no charset that is known
        UnknownCharset = "R0321";
        /// a message that is split has nothing to split by
        NoPart = "R0480";

        /// a value does not follow its type
        Invalid = "R0501";
        /// more values than the one that `only` takes
        NotOnly = "R0502";
        /// what is skipped had values in it
        Skipped = "R0503";
        /// nothing can be calculated from these values
        NotCalculated = "R0504";
        /// a required element has no value
        Required = "R0505";
        /// no environment is chosen, and the map reads what one gives
        NoEnvironment = "R0510";

        /// a code table warns of a code
        CodeWarned = "R0601";
        /// a table is needed that only a running engine asks
        AskedTable = "R0602";

        /// two resources have one key
        OneKey = "R0701";
        /// what is to be patched cannot be found
        Unkeyed = "R0530";
        /// a reference leads to nothing that is in the message or can be asked for
        Dangling = "R0702";
        /// a resource comes without what its map knows it by
        NoKey = "R0703";
    }
}
