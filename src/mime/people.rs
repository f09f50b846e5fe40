//! The people of From, To, Cc: display names and addresses (RFC 5322 s3.4), as a list or a journal shows them. Not for
//! routing: an envelope holds [`Address`](crate::types::Address)es.

use mail_parser::{Addr, Address, HeaderValue, parsers::MessageStream};

use super::text;

/// People of one field that are read.
const PEOPLE_MAX: usize = 1000;

/// One of the people in a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The display name, decoded; empty if there is none.
    pub name: String,
    /// The address as it was written, maybe no valid one; empty if there is none.
    pub address: String,
}

/// The people in the value of an address field; those of a group without the group's name.
pub fn people(value: &[u8]) -> Vec<Person> {
    let mut line = text::flat(value);
    line.push(b'\n');
    let HeaderValue::Address(list) = MessageStream::new(&line).parse_address() else { return Vec::new() };
    let all = match list {
        Address::List(list) => list,
        Address::Group(groups) => groups.into_iter().flat_map(|g| g.addresses).collect(),
    };
    all.into_iter().take(PEOPLE_MAX).map(Person::of).collect()
}

impl Person {
    fn of(addr: Addr<'_>) -> Self {
        let text = |t: Option<std::borrow::Cow<'_, str>>| t.map(|t| t.trim().to_owned()).unwrap_or_default();
        Person { name: text(addr.name), address: text(addr.address) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        people(text.as_bytes()).into_iter().map(|p| (p.name, p.address)).collect()
    }

    fn pair(name: &str, address: &str) -> (String, String) {
        (name.into(), address.into())
    }

    #[test]
    fn reads_names_and_addresses() {
        assert_eq!(read("ann@office.test"), [pair("", "ann@office.test")]);
        assert_eq!(
            read("\"Ann, B.\" <ann@office.test>,\r\n =?utf-8?B?0JHQvtGA0LjRgQ==?= <bob@office.test>"),
            [pair("Ann, B.", "ann@office.test"), pair("Борис", "bob@office.test")]
        );
        assert_eq!(read("team: a@b.test, C <c@d.test>;"), [pair("", "a@b.test"), pair("C", "c@d.test")]);
    }

    #[test]
    fn broken_fields_give_something_or_nothing() {
        for text in ["", "<", "<>", ",,,", "\"open", "((((", "a <b@c", ")>", "=?utf-8?Q?"] {
            let _ = read(text);
        }
        let _ = people(b"\xff\xfe <\xff@x>\x00");
        assert!(read(&"a@b.test,".repeat(5000)).len() <= PEOPLE_MAX);
    }
}
