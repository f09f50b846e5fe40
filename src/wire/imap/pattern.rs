//! Patterns of LIST and LSUB (RFC 3501 s6.3.8): `*` is anything, `%` anything within a level.

/// A pattern, decoded. Matching takes at most (octets of the pattern) x (characters of the name) steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Wildcards side by side become one.
    pub fn new(text: &str) -> Self {
        let mut kept = String::with_capacity(text.len());
        for c in text.chars() {
            match (kept.chars().next_back(), c) {
                (Some('*'), '*' | '%') | (Some('%'), '%') => {}
                (Some('%'), '*') => {
                    kept.pop();
                    kept.push('*');
                }
                (Some(_) | None, c) => kept.push(c),
            }
        }
        Pattern(kept.into_boxed_str())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `""`, which asks for the hierarchy delimiter only.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pattern behind a reference name: a pattern that begins at the root stands for itself.
    #[must_use]
    pub fn under(&self, reference: &str) -> Self {
        if self.0.starts_with('/') || reference.is_empty() {
            return self.clone();
        }
        Pattern::new(&format!("{reference}{}", self.0))
    }

    /// Whether a folder's name fits. `INBOX` fits in any case (RFC 3501 s5.1).
    pub fn matches(&self, name: &str) -> bool {
        let any_case = name == "INBOX" || name.starts_with("INBOX/");
        let same = |at: usize, p: char, c: char| p == c || any_case && at < 5 && p.eq_ignore_ascii_case(&c);
        let pattern: Vec<char> = self.0.chars().collect();
        // reached[n]: the first n characters of the pattern fit what was read of the name.
        let mut reached = vec![false; pattern.len() + 1];
        reached[0] = true;
        skip_wildcards(&pattern, &mut reached);
        for (at, c) in name.chars().enumerate() {
            let mut next = vec![false; pattern.len() + 1];
            for (n, p) in pattern.iter().enumerate().filter(|(n, _)| reached[*n]) {
                match p {
                    '*' => next[n] = true,
                    '%' => next[n] |= c != '/',
                    p => next[n + 1] |= same(at, *p, c),
                }
            }
            skip_wildcards(&pattern, &mut next);
            reached = next;
        }
        reached[pattern.len()]
    }
}

/// A wildcard may stand for nothing.
fn skip_wildcards(pattern: &[char], reached: &mut [bool]) {
    for (n, p) in pattern.iter().enumerate() {
        if reached[n] && matches!(p, '*' | '%') {
            reached[n + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_crosses_levels_and_a_percent_sign_does_not() {
        for (pattern, name, fits) in [
            ("*", "a/b/c", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a/%", "a", false),
            ("%/%", "a/b", true),
            ("*/c", "a/b/c", true),
            ("*b*", "abc", true),
            ("%b/*d", "ab/c/d", true),
            ("*a%b", "xa/ab", true),
            ("%*", "a/b", true),
            ("", "a", false),
            ("почта/%", "почта/Ящик", true),
            ("A", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn inbox_fits_in_any_case_and_only_inbox() {
        assert!(Pattern::new("inbox").matches("INBOX") && Pattern::new("InB%").matches("INBOX"));
        assert!(Pattern::new("inbox/Sub").matches("INBOX/Sub") && !Pattern::new("inbox/sub").matches("INBOX/Sub"));
        assert!(!Pattern::new("inboxes").matches("INBOXES"));
    }

    #[test]
    fn a_pattern_of_wildcards_costs_no_more_than_its_length_times_the_name() {
        let pattern = Pattern::new(&"*a".repeat(4000));
        assert!(!pattern.matches(&("a".repeat(254) + "b")));
        assert_eq!(Pattern::new(&"%*".repeat(4000)).as_str(), "*");
    }

    #[test]
    fn a_reference_stands_in_front() {
        assert!(Pattern::new("%").under("work/").matches("work/a"));
        assert!(!Pattern::new("%").under("work/").matches("home/a"));
        assert_eq!(Pattern::new("/x").under("work/").as_str(), "/x");
    }
}
