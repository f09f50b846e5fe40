//! Which charset raw 8-bit text is in: what it would read as is weighed by how often its letters occur, and where.

use super::Charset;

/// Octets that are looked at.
const LOOKED_AT: usize = 2048;

/// The more likely first: of equals it wins.
const CANDIDATES: [Charset; 4] = [Charset::WINDOWS_1251, Charset::KOI8_R, Charset::IBM866, Charset::WINDOWS_1252];

/// The charset among those that Russian mail is written in, or windows-1252, in which `text` makes the most sense.
pub(super) fn guess(text: &[u8]) -> Charset {
    let text = &text[..text.len().min(LOOKED_AT)];
    let mut best = (CANDIDATES[0], i32::MIN);
    for charset in CANDIDATES {
        let weight = weigh(&charset.decode(text));
        if weight > best.1 {
            best = (charset, weight);
        }
    }
    best.0
}

fn weigh(text: &str) -> i32 {
    let mut before = ' ';
    let mut sum = 0;
    for c in text.chars() {
        sum += worth(before, c);
        before = c;
    }
    sum
}

/// What a character behind another one says for the text.
fn worth(before: char, c: char) -> i32 {
    if c.is_ascii() {
        // A letter of ours beside one of theirs.
        return if c.is_ascii_alphabetic() && is_cyrillic(before) { -3 } else { 0 };
    }
    if is_cyrillic(c) {
        return common(c) + neighbours(before, c);
    }
    if c.is_alphabetic() {
        // Accents stand among plain letters.
        return if before.is_ascii_alphabetic() { 2 } else { -1 };
    }
    // Typographical marks are fine in any of them; drawn boxes and controls are not.
    if "«»№—–“”„…’°\u{a0}".contains(c) { 0 } else { -8 }
}

/// Russian has capitals at the start of a word or throughout it.
fn neighbours(before: char, c: char) -> i32 {
    if before.is_ascii_alphabetic() {
        -3
    } else if is_cyrillic(before) && before.is_lowercase() && c.is_uppercase() {
        -5
    } else {
        i32::from(!is_cyrillic(before) && c.is_uppercase())
    }
}

fn is_cyrillic(c: char) -> bool {
    matches!(c, 'А'..='я' | 'Ё' | 'ё')
}

/// How common a letter is in Russian.
fn common(c: char) -> i32 {
    let lower = c.to_lowercase().next().unwrap_or(c);
    match lower {
        'о' | 'е' | 'а' | 'и' | 'н' | 'т' | 'с' | 'р' | 'в' | 'л' => 4,
        'к' | 'м' | 'д' | 'п' | 'у' | 'я' | 'ы' | 'ь' | 'г' | 'з' | 'б' => 2,
        'ч' | 'й' | 'х' | 'ж' | 'ш' | 'ю' | 'ц' => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn russian_subjects_are_told_apart() {
        let texts = [
            "Привет",
            "ПРИВЕТ",
            "Re: Счёт № 42 от 01.02.2026",
            "Бухгалтерия ООО «Ромашка»",
            "отчёт",
            "Иван Петров",
            "СРОЧНО!!! ОПЛАТИТЕ СЧЕТ",
            "Коммерческое предложение (коммутаторы D-Link)",
            "Да",
        ];
        for text in texts {
            for charset in [Charset::WINDOWS_1251, Charset::KOI8_R, Charset::IBM866] {
                // koi8-r and cp866 have no guillemets.
                if let Some(bytes) = charset.encode(text) {
                    assert_eq!(guess(&bytes), charset, "{text} in {}", charset.name());
                }
            }
        }
    }

    #[test]
    fn accents_among_plain_letters_are_western() {
        assert_eq!(guess(b"Andr\xe9 M\xfcller, Caf\xe9"), Charset::WINDOWS_1252);
        assert_eq!(guess(b"Gr\xfc\xdfe"), Charset::WINDOWS_1252);
    }

    #[test]
    fn anything_gives_something() {
        let all: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for text in [&b""[..], b"\xff", &all] {
            let _ = guess(text);
        }
    }
}
