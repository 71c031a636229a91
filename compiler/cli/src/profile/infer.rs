//! `emr profile infer`: a profile learnt from messages.

use std::io::Write;
use std::path::PathBuf;

use emr_compiler::sender;
use emr_compiler::standard::Standards;
use emr_message::{Charset, Message, Settings, batch};

use crate::end::End;
use crate::engine;
use crate::input::inputs;
use crate::style::count;

/// The profile goes to standard output: a profile for each message structure, and what segments and structures of the
/// sender's own they need. It holds the codes of coded fields, how often places are there and how long values are;
/// nothing else of a message.
#[derive(clap::Args)]
pub struct Args {
    /// Files of one message or more, folders of such files; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The charset of messages whose MSH-18 is empty: ISO-8859-1
    #[arg(long, value_name = "NAME")]
    charset: Option<String>,
}

pub fn run(args: &Args) -> Result<End, End> {
    let charset = args.charset.as_deref().map(|name| Charset::named(name).map_err(|_| engine::unknown_charset(name)));
    let settings = Settings { charset: charset.transpose()? };
    let (mut messages, mut unread) = (Vec::new(), 0);
    for input in inputs(&args.files)? {
        let bytes = input.read()?;
        let before = messages.len();
        let read = batch::messages(&bytes).map(|message| Message::read(&message, &settings));
        messages.extend(read.filter_map(Result::ok));
        unread += usize::from(messages.len() == before);
    }
    if messages.is_empty() {
        return Err(End::Call("there is no message in what was named".to_owned()));
    }
    let text = sender::infer(&messages, &Standards::embedded());
    anstream::stdout().write_all(text.as_bytes())?;
    let skipped = if unread > 0 { format!(", {} without a message", count(unread, "file")) } else { String::new() };
    anstream::eprintln!("learnt from {}{skipped}", count(messages.len(), "message"));
    Ok(End::Fine)
}
