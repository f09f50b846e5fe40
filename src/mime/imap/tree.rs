//! Our own texts read again: ENVELOPE for searching, BODYSTRUCTURE for the BODY that has no extension data.

use crate::limits::MIME_DEPTH;

/// A value of a text: what stands between brackets, in quotes, or a bare word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mime) enum Node<'a> {
    /// The inside of `(...)`.
    List(&'a [u8]),
    /// The inside of `"..."`, still escaped.
    Quoted(&'a [u8]),
    /// A number or NIL.
    Bare(&'a [u8]),
}

/// The value at the start of `text` behind a space, and what follows it. None at the end, or where the text is none of ours.
pub(in crate::mime) fn read(text: &[u8]) -> Option<(Node<'_>, &[u8])> {
    let text = text.trim_ascii_start();
    match text.first()? {
        b'"' => {
            let end = quoted_end(text)?;
            Some((Node::Quoted(&text[1..end - 1]), &text[end..]))
        }
        b'(' => {
            let end = list_end(text)?;
            Some((Node::List(&text[1..end - 1]), &text[end..]))
        }
        b')' => None,
        _ => {
            let end = text.iter().position(|b| matches!(b, b' ' | b'(' | b')' | b'"')).unwrap_or(text.len());
            Some((Node::Bare(&text[..end]), &text[end..]))
        }
    }
}

/// Offset behind the quote that closes the one at the start.
fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Offset behind the bracket that closes the one at the start.
fn list_end(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    loop {
        match text.get(at)? {
            b'"' => at += quoted_end(&text[at..])?,
            b'(' => {
                depth += 1;
                at += 1;
            }
            b')' => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

/// BODYSTRUCTURE without its extension data: what `BODY` without a section means (RFC 3501 s6.4.5).
pub(in crate::mime) fn basic(structure: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(structure.len());
    if let Some((Node::List(inside), _)) = read(structure) {
        body(inside, MIME_DEPTH + 1, &mut out);
    }
    out
}

/// Recursion ends at `depth`: the scanner went no deeper, so a text that does is none of ours.
fn body(inside: &[u8], depth: usize, out: &mut Vec<u8>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    out.push(b'(');
    if inside.first() == Some(&b'(') {
        multipart(inside, depth, out);
    } else {
        leaf(inside, depth, out);
    }
    out.push(b')');
}

fn multipart(mut rest: &[u8], depth: usize, out: &mut Vec<u8>) {
    while let Some((node, after)) = read(rest) {
        match node {
            Node::List(child) => body(child, depth, out),
            Node::Quoted(_) | Node::Bare(_) => {
                out.push(b' ');
                copy(rest, after, out);
                return;
            }
        }
        rest = after;
    }
}

fn leaf(mut rest: &[u8], depth: usize, out: &mut Vec<u8>) {
    let mut kind = [&b""[..]; 2];
    let mut n = 0;
    while let Some((node, after)) = read(rest) {
        if let (0 | 1, Node::Quoted(text)) = (n, node) {
            kind[n] = text;
        }
        let message = kind == [&b"message"[..], b"rfc822"];
        let fields = if message { 10 } else { 7 + usize::from(kind[0] == b"text") };
        if n == fields {
            return;
        }
        if n > 0 {
            out.push(b' ');
        }
        match node {
            Node::List(inner) if message && n == 8 => body(inner, depth, out),
            Node::List(_) | Node::Quoted(_) | Node::Bare(_) => copy(rest, after, out),
        }
        (rest, n) = (after, n + 1);
    }
}

/// The value between two positions in the text.
fn copy(from: &[u8], to: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(from[..from.len() - to.len()].trim_ascii_start());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str) -> String {
        String::from_utf8(basic(text.as_bytes())).unwrap()
    }

    #[test]
    fn extension_data_goes_at_every_level() {
        let leaf = "(\"text\" \"plain\" (\"charset\" \"a) \\\" b\") NIL NIL \"7bit\" 2 0";
        assert_eq!(without(&format!("{leaf} NIL (\"inline\" NIL) NIL NIL)")), format!("{leaf})"));
        let image = "(\"a\" \"b\" NIL NIL NIL \"7bit\" 5";
        assert_eq!(
            without(&format!(
                "({leaf} NIL NIL NIL NIL){image} NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)"
            )),
            format!("({leaf}){image}) \"mixed\")")
        );
        let message = "\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 62 (NIL \"in (\" NIL NIL NIL NIL NIL NIL NIL NIL)";
        assert_eq!(
            without(&format!("({message} {leaf} NIL NIL NIL NIL) 4 NIL NIL NIL NIL)")),
            format!("({message} {leaf}) 4)")
        );
    }

    #[test]
    fn a_text_of_nobody_gives_nothing() {
        for text in ["", "(", "(\"", "(\"\\", ")", "NIL", "((((("] {
            assert_eq!(without(text), "");
        }
    }
}
