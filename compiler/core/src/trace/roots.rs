//! Which resource each value of an output stands in: the nearest thing around it that has a `resourceType`.

/// The resources of an output, by the paths that lead to them.
pub struct Roots {
    /// `entry[0].resource.`, `Patient`
    roots: std::collections::BTreeMap<String, String>,
}

impl Roots {
    /// Of all values without parts, each with its path and its JSON.
    pub fn of<'v>(values: impl Iterator<Item = (&'v str, &'v str)>) -> Roots {
        let root = |(path, json): (&str, &str)| {
            let root = path.strip_suffix("resourceType").filter(|root| root.is_empty() || root.ends_with('.'))?;
            Some((root.to_owned(), json.trim_matches('"').to_owned()))
        };
        Roots { roots: values.filter_map(root).collect() }
    }

    /// The type of the resource that a path leads into, and the rest of the path there.
    pub fn split<'p>(&self, path: &'p str) -> (&str, &'p str) {
        let ends = path.rmatch_indices('.').map(|(dot, _)| dot + 1).chain([0]);
        for end in ends {
            let (root, rest) = path.split_at(end);
            if let Some(resource) = self.roots.get(root) {
                return (resource, rest);
            }
        }
        ("", path)
    }
}
