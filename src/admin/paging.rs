//! Pages of lists: `?page=2&per_page=50`, a page behind the end is the last.

use serde_json::{Value as Json, json};

use super::{ApiError, api::Request};
use crate::types::Domain;

/// Entries of one page at most.
const MOST: u64 = 1000;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paging {
    page: usize,
    /// None: all of it.
    per_page: Option<usize>,
}

impl Paging {
    /// As the query says; without `per_page` and `page` the whole list.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let page = number(request, "page", u64::MAX)?;
        let per_page = number(request, "per_page", MOST)?.or(page.map(|_| 100));
        Ok(Paging { page: page.unwrap_or(1), per_page })
    }

    /// The part, and what an answer says of it beside the list.
    pub fn cut<T>(self, mut list: Vec<T>) -> (Vec<T>, Json) {
        let total = list.len();
        let per_page = self.per_page.unwrap_or(total).max(1);
        let pages = total.div_ceil(per_page).max(1);
        let page = self.page.min(pages);
        let rest = list.split_off((page - 1) * per_page.min(total));
        let part = rest.into_iter().take(per_page).collect();
        (part, json!({ "page": page, "pages": pages, "total": total }))
    }
}

/// What a list is searched for.
pub(super) struct Needle {
    text: String,
    domain: String,
}

impl Needle {
    /// `search` and `domain` of the query, without regard to case; empty finds all.
    pub fn of(request: &Request) -> Self {
        let lower = |name| request.text(name).trim().to_lowercase();
        Needle { text: lower("search"), domain: lower("domain") }
    }

    /// Whether the text is in it.
    pub fn is_in(&self, text: &str) -> bool {
        self.text.is_empty() || text.to_lowercase().contains(&self.text)
    }

    /// Whether it is the domain, or none was named.
    pub fn of_domain(&self, domain: &Domain) -> bool {
        self.domain.is_empty() || domain.as_str().eq_ignore_ascii_case(&self.domain)
    }
}

fn number(request: &Request, name: &str, most: u64) -> Result<Option<usize>, ApiError> {
    match request.number(name)? {
        Some(0) => Err(ApiError::field(name, "must be 1 or more")),
        Some(n) if n > most => Err(ApiError::field(name, format!("must be {most} or less"))),
        other => Ok(other.map(|n| usize::try_from(n).unwrap_or(usize::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(page: usize, per_page: Option<usize>, many: usize) -> (Vec<usize>, u64, u64) {
        let (list, about) = Paging { page, per_page }.cut((1..=many).collect());
        (list, about["page"].as_u64().unwrap(), about["pages"].as_u64().unwrap())
    }

    #[test]
    fn a_page_behind_the_end_is_the_last_and_an_empty_list_has_one() {
        assert_eq!(cut(2, Some(2), 5), (vec![3, 4], 2, 3));
        assert_eq!(cut(9, Some(2), 5), (vec![5], 3, 3));
        assert_eq!(cut(9, Some(2), 0), (vec![], 1, 1));
        assert_eq!(cut(1, None, 3), (vec![1, 2, 3], 1, 1));
        assert_eq!(cut(1, Some(10), 3), (vec![1, 2, 3], 1, 1));
    }
}
