//! Makes machine code and artifacts of a plan.
