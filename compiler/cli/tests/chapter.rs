//! The first chapter of the manual, followed to the letter: each command is given, each edit is made, and what is shown is
//! what comes.
//!
//! A fence says what a reader does with it: `console` is a session, in which a line `…` stands for any lines; `emr-fragment a.emr in
//! place of WORDS` replaces the one line of the file that begins with the words, `behind WORDS` adds to it; `emr a.emr` is a new file,
//! `emr a.emr at the end` is added to one. A fragment alone shows what is there already.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const CHAPTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/first.md");

/// A fenced text, and the line of the chapter that it begins in.
struct Fence {
    line: usize,
    what: String,
    text: String,
}

#[test]
fn the_first_chapter_can_be_followed_to_the_letter() {
    let outside = tempfile::tempdir().expect("a folder");
    let mut reader = Reader { folder: outside.path().to_owned(), commands: 0, edits: 0 };
    for fence in fences(&fs::read_to_string(CHAPTER).expect("the chapter")) {
        if let Err(why) = reader.follow(&fence) {
            panic!("docs/first.md:{}: {why}", fence.line);
        }
    }
    assert!(reader.commands > 10 && reader.edits > 8, "{} commands, {} edits", reader.commands, reader.edits);
    // Whoever has done all of it has a project that holds.
    reader.session("$ emr check\n5 files checked: no problems\n").expect("a project that holds");
}

fn fences(chapter: &str) -> Vec<Fence> {
    let mut found = Vec::new();
    let mut lines = chapter.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(what) = line.strip_prefix("```") else { continue };
        let text = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let text = text.map(|line| format!("{line}\n")).collect();
        found.push(Fence { line: number + 1, what: what.to_owned(), text });
    }
    found
}

struct Reader {
    /// The one that the shell is in.
    folder: PathBuf,
    commands: usize,
    edits: usize,
}

impl Reader {
    fn follow(&mut self, fence: &Fence) -> Result<(), String> {
        let (kind, edit) = fence.what.split_once(' ').unwrap_or((&fence.what, ""));
        match (kind, edit) {
            ("console", "") => return self.session(&fence.text),
            ("emr-fragment", "") => return self.stands(&fence.text),
            ("emr-fragment", edit) => {
                if let Some((file, words)) = edit.split_once(" in place of ") {
                    self.edit(file, words, &fence.text, false)?;
                } else if let Some((file, words)) = edit.split_once(" behind ") {
                    self.edit(file, words, &fence.text, true)?;
                } else {
                    return Err(format!("what is to be done with `{edit}`?"));
                }
            }
            ("emr" | "hl7", edit) if !edit.is_empty() => match edit.strip_suffix(" at the end") {
                Some(file) => {
                    let before = self.read(file)?;
                    self.write(file, &format!("{before}\n{}", fence.text))?;
                }
                None if self.folder.join(edit).exists() => return Err(format!("`{edit}` is there already")),
                None => self.write(edit, &fence.text)?,
            },
            _ => return Err(format!("what is a reader to do with `{}`?", fence.what)),
        }
        self.edits += 1;
        Ok(())
    }

    /// Each command, and that it says what stands below it.
    fn session(&mut self, text: &str) -> Result<(), String> {
        for step in text.strip_prefix("$ ").ok_or("a session begins with a command")?.split("\n$ ") {
            let (command, expected) = step.split_once('\n').unwrap_or((step, ""));
            self.commands += 1;
            if let Some(folder) = command.strip_prefix("cd ") {
                self.folder.push(folder);
                continue;
            }
            let said = self.run(command);
            let (lines, expected): (Vec<_>, Vec<_>) = (said.lines().collect(), expected.lines().collect());
            if !is_like(&lines, &expected) {
                return Err(format!("`{command}` says\n{said}"));
            }
        }
        Ok(())
    }

    fn run(&self, command: &str) -> String {
        let emr = Path::new(env!("CARGO_BIN_EXE_emr")).parent().expect("a folder");
        let path = format!("{}:{}", emr.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        let out = shell.arg("-c").arg(format!("{command} 2>&1")).current_dir(&self.folder).env("PATH", path).output();
        String::from_utf8(out.expect("a shell").stdout).expect("text")
    }

    fn read(&self, file: &str) -> Result<String, String> {
        fs::read_to_string(self.folder.join(file)).map_err(|why| format!("`{file}`: {why}"))
    }

    fn write(&self, file: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.join(file), text).map_err(|why| format!("`{file}`: {why}"))
    }

    /// Finds the one line that begins with these words, and writes others in its place or behind it.
    fn edit(&self, file: &str, words: &str, new: &str, behind: bool) -> Result<(), String> {
        let text = self.read(file)?;
        let is_meant = |line: &&str| line.trim_start().starts_with(words);
        match text.lines().filter(is_meant).count() {
            1 => {}
            some => return Err(format!("{some} lines of `{file}` begin with `{words}`")),
        }
        let mut edited = String::new();
        for line in text.lines() {
            let is_meant = is_meant(&line);
            if !is_meant || behind {
                edited += &format!("{line}\n");
            }
            if is_meant {
                let indent = line.len() - line.trim_start().len();
                new.lines().for_each(|line| edited += &format!("{}{line}\n", " ".repeat(indent)));
            }
        }
        self.write(file, &edited)
    }

    /// That the lines of an excerpt stand in the mapping as it is.
    fn stands(&self, excerpt: &str) -> Result<(), String> {
        let mapping = self.read("admission.emr")?;
        let missing = excerpt.lines().find(|line| !mapping.lines().any(|it| it.trim() == line.trim()));
        missing.map_or(Ok(()), |line| Err(format!("`{line}` is not in admission.emr")))
    }
}

/// Whether lines are as expected, where `…` stands for any.
fn is_like(lines: &[&str], expected: &[&str]) -> bool {
    match (lines, expected) {
        ([], []) => true,
        (_, ["…", rest @ ..]) => {
            (0..=lines.len()).any(|skipped| lines.get(skipped..).is_some_and(|it| is_like(it, rest)))
        }
        ([line, lines @ ..], [like, expected @ ..]) => line == like && is_like(lines, expected),
        _ => false,
    }
}
