//! The queries by which tables are asked: where each key has its place. A key is never a part of the text.

use super::super::suggest::nearest;
use smol_str::SmolStr;

/// A piece of a search: text, or the key of that number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Key(usize),
}

/// What stands next in a query: text, of so many bytes, or a key of that name.
enum Next<'q> {
    Text(usize),
    Key(&'q str),
}

/// The query of a database with `$1` in the place of the first key, and so on; or what is wrong with it.
pub(super) fn statement(query: &str, keys: &[SmolStr]) -> Result<String, String> {
    let first = query.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if !matches!(first.as_str(), "select" | "with") {
        return Err("a table is asked by one `select`".to_owned());
    }
    let pieces = pieces(query, keys, |_, rest, c| {
        Ok(Next::Text(match c {
            '\'' | '"' => quoted(rest, c),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            ':' if rest.starts_with("::") => 2,
            ';' => return Err("a query is one statement, without `;`".to_owned()),
            '$' => return Err("a key stands in a query by its name, as in `:id`, and a `$` has no place".to_owned()),
            ':' => return Ok(key(rest).map_or(Next::Text(1), Next::Key)),
            c => c.len_utf8(),
        }))
    })?;
    let spelled = pieces.into_iter().map(|piece| match piece {
        Piece::Text(text) => text,
        Piece::Key(number) => format!("${}", number + 1),
    });
    Ok(spelled.collect())
}

/// The search of a FHIR server: `Practitioner?identifier=urn:doctors|:id`. A key stands for a value or a part of one; a
/// modifier such as `:exact` does not.
pub(super) fn search(query: &str, keys: &[SmolStr]) -> Result<Vec<Piece>, String> {
    let (resource, parameters) = query.split_once('?').unwrap_or((query, ""));
    if resource.is_empty() || !resource.chars().all(|c| c.is_ascii_alphanumeric()) || parameters.is_empty() {
        return Err("a search names a resource and its parameters, as in `Practitioner?identifier=:id`".to_owned());
    }
    pieces(query, keys, |before, rest, c| match key(rest).filter(|_| before.ends_with(['=', '|', ','])) {
        Some(key) => Ok(Next::Key(key)),
        None if c.is_whitespace() || c.is_control() || c == '#' => {
            Err("a search is a part of an address, without blanks and `#`".to_owned())
        }
        None => Ok(Next::Text(c.len_utf8())),
    })
}

/// The query with each key by its number. `next` says what stands at a place, of what is before it, what is left and the
/// first character of that.
fn pieces<'q>(
    query: &'q str,
    keys: &[SmolStr],
    next: impl Fn(&str, &'q str, char) -> Result<Next<'q>, String>,
) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut used, mut text) = (Vec::new(), vec![false; keys.len()], String::new());
    let mut at = 0;
    while let Some((before, rest)) = query.split_at_checked(at)
        && let Some(c) = rest.chars().next()
    {
        at += match next(before, rest, c)? {
            Next::Text(taken) => {
                text.push_str(rest.get(..taken).unwrap_or(rest));
                taken
            }
            Next::Key(name) => {
                let number = numbered(name, keys)?;
                used.iter_mut().skip(number).take(1).for_each(|used| *used = true);
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Key(number));
                1 + name.len()
            }
        };
    }
    pieces.push(Piece::Text(text));
    all_used(&used, keys)?;
    Ok(pieces)
}

/// How long what stands in quotes is, the quotes included; two of them inside are one.
fn quoted(text: &str, quote: char) -> usize {
    text.get(1..).and_then(|rest| rest.find(quote)).map_or(text.len(), |end| end + 2)
}

/// How long a comment is, with those inside it: PostgreSQL nests them (§4.1.5 of its manual).
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0u32, 0);
    while let Some(rest) = text.get(at..)
        && let Some(c) = rest.chars().next()
    {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += c.len_utf8();
        }
    }
    text.len()
}

/// The name in `:name`, if that is what a text begins with.
fn key(text: &str) -> Option<&str> {
    Some(word(text.strip_prefix(':')?)).filter(|name| !name.is_empty())
}

fn word(text: &str) -> &str {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.get(..end).filter(|_| starts).unwrap_or_default()
}

fn numbered(name: &str, keys: &[SmolStr]) -> Result<usize, String> {
    let known = keys.iter().position(|key| key == name);
    known.ok_or_else(|| match nearest(name, keys.iter().map(SmolStr::as_str)) {
        Some(near) => format!("the table has no key `{name}`; did you mean `:{near}`?"),
        None => format!("the table has no key `{name}`: its keys are `{}`", keys.join("`, `")),
    })
}

fn all_used(used: &[bool], keys: &[SmolStr]) -> Result<(), String> {
    match keys.iter().zip(used).find(|(_, used)| !**used) {
        Some((key, _)) => Err(format!("the query does not ask by the key `{key}`: it stands there as `:{key}`")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<SmolStr> {
        ["id", "house"].map(SmolStr::from).to_vec()
    }

    #[test]
    fn keys_become_parameters_and_nothing_else_changes() {
        let query = "select npi, at::text, '12:30:id' from staff -- :not this\nwhere id = :id and (house=:house or \"a:id\" = :id)";
        let statement = statement(query, &keys()).unwrap();
        assert_eq!(
            statement,
            "select npi, at::text, '12:30:id' from staff -- :not this\nwhere id = $1 and (house=$2 or \"a:id\" = $1)"
        );
    }

    #[test]
    fn comments_end_where_the_database_ends_them() {
        let query = "select 1 /*/ :not; */ from a /* /* $ */ :not */ where id = :id /**/ and house = :house /* é";
        assert_eq!(statement(query, &keys()).unwrap(), query.replace(":id", "$1").replace(":house", "$2"));
        assert!(statement("select 1 where id = :id /* /* */ and house = :house", &keys()).is_err());
    }

    #[test]
    fn a_query_that_is_none_says_why() {
        let why = |query: &str| statement(query, &keys()).unwrap_err();
        assert!(why("delete from staff where id = :id").contains("`select`"));
        assert!(why("select 1 where id = :id; drop table staff").contains("`;`"));
        assert!(why("select 1 where id = $1").contains("`$`"));
        assert!(why("select 1 where id = :id and house = :hous").contains("did you mean `:house`"));
        assert!(why("select 1 where id = :id").contains("the key `house`"));
        assert!(statement("select ':id' where 'it''s' = :id and house = :house", &keys()).is_ok());
        assert!(statement("select 'never closed :id :house", &keys()).is_err());
    }

    #[test]
    fn a_search_has_its_keys_where_values_are() {
        let text = |text: &str| Piece::Text(text.to_owned());
        let found = search("Practitioner?identifier=urn:x|:id&organization:exact=:house", &keys()).unwrap();
        let expected =
            [text("Practitioner?identifier=urn:x|"), Piece::Key(0), text("&organization:exact="), Piece::Key(1)];
        assert_eq!(found, [&expected[..], &[text("")]].concat());
        assert!(search("Practitioner", &keys()).is_err());
        assert!(search("Practitioner?identifier=:id&x=:hous", &keys()).unwrap_err().contains("`:house`"));
        assert!(search("Practitioner?identifier=:id", &keys()).unwrap_err().contains("`house`"));
        assert!(search("Practitioner?identifier=:id#:house", &keys()).is_err());
    }
}
