//! The Sender Rewriting Scheme: a forwarded stranger's message leaves with a reverse-path of ours, so that the next server's SPF
//! check looks at our record; what comes back to that address goes on to the true sender. The form is that of Mail::SRS and libsrs2
//! (Meng Wong's SRS0 and SRS1), so that every forwarder on the way understands ours and we theirs:
//!
//! ```text
//! ann@far.test              -> SRS0=HASH=DAY=far.test=ann@office.test
//! SRS0=h=dd=far.test=ann@b  -> SRS1=HASH=b==h=dd=far.test=ann@office.test     (and SRS1 again: its host and rest stay)
//! ```
//!
//! The hash is the head of an HMAC-SHA-1, in base64 and compared without case, since local parts lose their case on the way. It
//! need not withstand more than the sending of one message to one address of one's choice.

use ring::hmac;

use crate::types::{Address, Domain, LocalPart, UnixTime};

/// Characters of a hash that we write, and the fewest that we take.
const HASH: usize = 4;
/// Days a rewritten address is good for (Mail::SRS: 49; a bounce comes within the five days of RFC 5321 s4.5.4.1 or so).
const DAYS: i64 = 21;
/// Days are counted modulo this: two letters of five bits.
const ROUND: i64 = 1024;
const SECONDS: i64 = 86_400;
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The key. Without one nothing is rewritten. Cheap to clone.
#[derive(Clone, Default)]
pub struct Srs(Option<hmac::Key>);

/// What an address is to the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// Not of the scheme.
    Other,
    /// Ours: it stands for this one.
    To(Address),
    /// It has the form, but not our hash, or its days are over.
    Forged,
}

impl Srs {
    /// With a secret of any length; 32 random octets are good.
    pub fn new(secret: &[u8]) -> Self {
        Srs(Some(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret)))
    }

    /// The reverse-path with which a message of `sender` is sent on by an address of `via`. None: there is no key, or the result
    /// would be no address (a local part has at most 64 octets): then the sender's own stays.
    pub fn forward(&self, sender: &Address, via: &Domain, now: UnixTime) -> Option<Address> {
        let local = sender.local.as_str();
        let (host, rest) = match (tail(local, "SRS0"), tail(local, "SRS1")) {
            (Some(rest), _) => (sender.domain.as_str(), rest),
            (None, Some(rest)) => {
                let (_hash, rest) = rest[1..].split_once('=')?;
                rest.split_once('=')?
            }
            (None, None) => return self.first(sender, via, now),
        };
        let hash = self.hash(&[host, rest])?;
        address(&format!("SRS1={hash}={host}={rest}"), via.clone())
    }

    fn first(&self, sender: &Address, via: &Domain, now: UnixTime) -> Option<Address> {
        let (day, domain, local) = (day_of(now), sender.domain.as_str(), sender.local.as_str());
        let hash = self.hash(&[&day, domain, local])?;
        address(&format!("SRS0={hash}={day}={domain}={local}"), via.clone())
    }

    /// What a recipient stands for.
    pub fn back(&self, to: &Address, now: UnixTime) -> Back {
        let local = to.local.as_str();
        let found = match (tail(local, "SRS0"), tail(local, "SRS1")) {
            (Some(rest), _) => self.back_from_first(&rest[1..], now),
            (None, Some(rest)) => self.back_from_second(&rest[1..]),
            (None, None) => return Back::Other,
        };
        found.map_or(Back::Forged, Back::To)
    }

    fn back_from_first(&self, rest: &str, now: UnixTime) -> Option<Address> {
        let mut parts = rest.splitn(4, '=');
        let (hash, day, domain, local) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let good = self.is_hash(hash, &[day, domain, local]) && is_fresh(day, now);
        address(local, Domain::parse(domain).ok()?).filter(|_| good)
    }

    fn back_from_second(&self, rest: &str) -> Option<Address> {
        let mut parts = rest.splitn(3, '=');
        let (hash, host, rest) = (parts.next()?, parts.next()?, parts.next()?);
        address(&format!("SRS0{rest}"), Domain::parse(host).ok()?).filter(|_| self.is_hash(hash, &[host, rest]))
    }

    fn is_hash(&self, said: &str, parts: &[&str]) -> bool {
        let (said, want) = (said.to_ascii_lowercase(), self.whole_hash(parts).map(|hash| hash.to_ascii_lowercase()));
        said.len() >= HASH && want.is_some_and(|want| want.starts_with(&said))
    }

    fn hash(&self, parts: &[&str]) -> Option<String> {
        self.whole_hash(parts).map(|hash| hash[..HASH].to_owned())
    }

    fn whole_hash(&self, parts: &[&str]) -> Option<String> {
        use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
        let text = parts.concat().to_lowercase();
        self.0.as_ref().map(|key| STANDARD_NO_PAD.encode(hmac::sign(key, text.as_bytes())))
    }
}

/// What stands behind the tag, its separator first: libsrs2 writes `=`, others `+` or `-`.
fn tail<'a>(local: &'a str, tag: &str) -> Option<&'a str> {
    let (head, rest) = local.split_at_checked(tag.len())?;
    (head.eq_ignore_ascii_case(tag) && rest.starts_with(['=', '+', '-'])).then_some(rest)
}

fn address(local: &str, domain: Domain) -> Option<Address> {
    LocalPart::parse(local).ok().map(|local| Address { local, domain })
}

fn day_of(now: UnixTime) -> String {
    let day = now.0.div_euclid(SECONDS).rem_euclid(ROUND);
    let letter = |n: i64| char::from(LETTERS[usize::try_from(n & 31).unwrap_or(0)]);
    [letter(day >> 5), letter(day)].iter().collect()
}

/// Not from tomorrow's tomorrow, and not too old.
fn is_fresh(day: &str, now: UnixTime) -> bool {
    let value = |b: u8| LETTERS.iter().position(|l| *l == b.to_ascii_uppercase()).and_then(|n| i64::try_from(n).ok());
    let [high, low] = day.as_bytes() else { return false };
    let (Some(high), Some(low)) = (value(*high), value(*low)) else { return false };
    let age = (now.0.div_euclid(SECONDS) + 1 - (high * 32 + low)).rem_euclid(ROUND);
    age <= DAYS + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_503_600);

    fn a(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn d(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn days(n: i64) -> UnixTime {
        UnixTime(NOW.0 + n * SECONDS)
    }

    #[test]
    fn a_sender_goes_there_and_back() {
        let srs = Srs::new(b"secret");
        for sender in ["ann@far.test", "a=b@far.test", "Ann.B+c@sub.far.test", "анна@far.test"] {
            let out = srs.forward(&a(sender), &d("office.test"), NOW).unwrap();
            assert_eq!(out.domain, d("office.test"));
            assert_eq!(srs.back(&out, NOW), Back::To(a(sender)));
            let lower = Address { local: LocalPart::parse(&out.local.key()).unwrap(), domain: out.domain.clone() };
            assert_eq!(srs.back(&lower, days(DAYS)), Back::To(a(sender)), "the case was lost on the way");
            assert_eq!(srs.back(&out, days(DAYS + 1)), Back::Forged, "too old");
            assert_eq!(srs.back(&out, days(-2)), Back::Forged, "from the future");
            assert_eq!(Srs::new(b"other").back(&out, NOW), Back::Forged);
            assert_eq!(Srs::default().back(&out, NOW), Back::Forged);
        }
    }

    #[test]
    fn a_chain_of_forwarders_stays_short() {
        let (b, c, e) = (Srs::new(b"b"), Srs::new(b"c"), Srs::new(b"e"));
        let first = b.forward(&a("ann@far.test"), &d("b.test"), NOW).unwrap();
        let second = c.forward(&first, &d("c.test"), NOW).unwrap();
        let third = e.forward(&second, &d("e.test"), NOW).unwrap();
        assert_eq!(third.to_string().len(), second.to_string().len());
        // Each hands back to the first forwarder, who knows the sender.
        assert_eq!(e.back(&third, NOW), Back::To(first.clone()));
        assert_eq!(c.back(&second, NOW), Back::To(first.clone()));
        assert_eq!(b.back(&first, NOW), Back::To(a("ann@far.test")));
    }

    #[test]
    fn what_has_the_form_only_leads_nowhere() {
        let srs = Srs::new(b"secret");
        for text in
            ["srs0=x@o.t", "SRS0==@o.t", "SRS0=AAAA=AA=far.test=ann@o.t", "SRS1=AAAA=b.test==x@o.t", "SRS0+@o.t"]
        {
            assert_eq!(srs.back(&a(text), NOW), Back::Forged, "{text}");
        }
        for text in ["srs0@o.t", "srs0x=1@o.t", "ann@o.t", "SRS2=a@o.t"] {
            assert_eq!(srs.back(&a(text), NOW), Back::Other, "{text}");
        }
    }

    #[test]
    fn a_sender_that_does_not_fit_stays_as_he_is() {
        let long = Address::parse(&format!("{}@bounces.mailer.test", "x".repeat(50))).unwrap();
        assert_eq!(Srs::new(b"secret").forward(&long, &d("office.test"), NOW), None);
        assert_eq!(Srs::default().forward(&a("ann@far.test"), &d("office.test"), NOW), None);
    }
}
