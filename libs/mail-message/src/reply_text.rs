//! What the author newly wrote: the text of a reply without quotes and signature.
//!
//! There is no standard; mail programs mark quotes by ">", by a line like "On … wrote:", by a
//! block of header lines or, in HTML, by their own class names. Where nothing is recognised the
//! whole text is new. Linear time.

use crate::html_scan::{Piece, Scanner, attribute};
use crate::{clean, html_text};

/// Bytes of text looked at; a person does not write more.
const MAX_TEXT: usize = 512 * 1024;

/// The new part of a message, from its text and, where the text has no quote marks, its HTML.
#[must_use]
pub fn new_part(text: &str, html: Option<&str>) -> String {
    let text = text
        .get(..clean::floor_boundary(text, MAX_TEXT))
        .unwrap_or_default();
    let from_text = from_text(text);
    if from_text.trim().len() == text.trim().len()
        && let Some(html) = html
        && let Some(at) = quote_in_html(html)
    {
        let new = html.get(..at).unwrap_or_default();
        return self::from_text(&html_text::text(new));
    }
    from_text
}

/// Lines of plain text without quotes and signature.
fn from_text(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(&line) = lines.get(at) {
        if line.trim_end_matches(' ') == "--" || is_machine_signature(line) {
            break;
        }
        if is_divider(line) || starts_header_block(&lines, at) {
            break;
        }
        if let Some(length) = attribution(&lines, at) {
            let after = lines
                .iter()
                .skip(at + length)
                .find(|l| !l.trim().is_empty());
            match after {
                // The quote is marked line by line; what follows it may be new again.
                Some(l) if l.starts_with('>') => at += length,
                _ => break,
            }
            continue;
        }
        if !is_quoted(line) {
            kept.push(line);
        }
        at += 1;
    }
    let mut out = String::new();
    let mut blank = 0;
    for line in kept {
        if line.trim().is_empty() {
            blank += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if blank > 0 { "\n\n" } else { "\n" });
        }
        blank = 0;
        out.push_str(line.trim_end());
    }
    out
}

fn is_quoted(line: &str) -> bool {
    line.starts_with('>') || line.starts_with(" >") || line.starts_with("|>")
}

/// "Sent from my iPhone" in the languages telephones speak.
fn is_machine_signature(line: &str) -> bool {
    const STARTS: [&str; 14] = [
        "sent from my ",
        "sent from mail for",
        "get outlook for ",
        "sent with proton",
        "von meinem ",
        "gesendet von ",
        "gesendet mit ",
        "envoyé de mon ",
        "envoyé depuis ",
        "enviado desde mi ",
        "enviado do meu ",
        "inviato da ",
        "verzonden vanaf mijn ",
        "skickat från min ",
    ];
    const MAX_LENGTH: usize = 100;
    if line.len() > MAX_LENGTH {
        return false;
    }
    let line = line.trim().to_lowercase();
    STARTS.iter().any(|s| line.starts_with(s))
        // German puts the verb last: "Von meinem iPhone gesendet".
        && (!line.starts_with("von meinem ") || line.contains("gesendet"))
}

/// "-----Original Message-----" and its translations; "Begin forwarded message:".
fn is_divider(line: &str) -> bool {
    const WORDS: [&str; 22] = [
        "original message",
        "forwarded message",
        "original appointment",
        "ursprüngliche nachricht",
        "weitergeleitete nachricht",
        "message d'origine",
        "message original",
        "message transféré",
        "mensaje original",
        "mensaje reenviado",
        "mensagem original",
        "mensagem encaminhada",
        "messaggio originale",
        "messaggio inoltrato",
        "oorspronkelijk bericht",
        "doorgestuurd bericht",
        "wiadomość oryginalna",
        "ursprungligt meddelande",
        "oprindelig meddelelse",
        "исходное сообщение",
        "原始邮件",
        "original-nachricht",
    ];
    const MAX_LENGTH: usize = 200;
    let line = line.trim();
    if line.len() > MAX_LENGTH {
        return false;
    }
    let lower = line.to_lowercase().replace('\u{2019}', "'");
    (line.starts_with("--") && WORDS.iter().any(|w| lower.contains(w)))
        || lower == "begin forwarded message:"
        || lower == "anfang der weitergeleiteten nachricht:"
        || lower == "début du message réexpédié :"
}

/// Outlook's quote: a rule or nothing, then "From:", "Sent:", "To:", "Subject:" on lines.
fn starts_header_block(lines: &[&str], at: usize) -> bool {
    const FROM: &[&str] = &[
        "from:",
        "von:",
        "de:",
        "de :",
        "da:",
        "van:",
        "från:",
        "fra:",
        "od:",
        "от:",
        "发件人:",
        "寄件者:",
        "差出人:",
        "보낸 사람:",
        "lähettäjä:",
        "feladó:",
        "kimden:",
        "de la:",
        "από:",
    ];
    const OTHERS: &[&str] = &[
        "sent:",
        "date:",
        "to:",
        "subject:",
        "gesendet:",
        "datum:",
        "an:",
        "betreff:",
        "envoyé:",
        "envoyé :",
        "date :",
        "à:",
        "à :",
        "objet:",
        "objet :",
        "enviado:",
        "enviado el:",
        "para:",
        "asunto:",
        "assunto:",
        "inviato:",
        "data:",
        "a:",
        "oggetto:",
        "verzonden:",
        "aan:",
        "onderwerp:",
        "skickat:",
        "till:",
        "ämne:",
        "wysłano:",
        "кому:",
        "тема:",
        "отправлено:",
        "sendt:",
        "til:",
        "emne:",
        "lähetetty:",
        "vastaanottaja:",
        "aihe:",
        "odesláno:",
        "komu:",
        "předmět:",
        "do:",
        "temat:",
        "küldve:",
        "címzett:",
        "tárgy:",
        "gönderildi:",
        "kime:",
        "konu:",
        "trimis:",
        "către:",
        "subiect:",
        "στάλθηκε:",
        "προς:",
        "θέμα:",
        "发送时间:",
        "收件人:",
        "主题:",
        "送信日時:",
        "宛先:",
        "件名:",
        "받는 사람:",
        "제목:",
    ];
    const LOOK: usize = 6;
    let start = |line: &str| -> String {
        line.trim_start_matches(['*', ' ', '\t', '_'])
            .chars()
            .take(16)
            .collect::<String>()
            .to_lowercase()
            .replace('*', "")
            .replace('：', ":")
    };
    let rule = lines.get(at).is_some_and(|l| {
        let l = l.trim();
        l.len() >= 20 && l.bytes().all(|b| b == b'_')
    });
    let from = if rule { at + 1 } else { at };
    let Some(first) = lines.get(from).map(|l| start(l)) else {
        return false;
    };
    if !rule && sender_comes_later(lines, at, &first, FROM, OTHERS, start) {
        return true;
    }
    if !FROM.iter().any(|f| first.starts_with(f)) {
        // A rule may be followed by a blank line.
        return rule
            && lines.get(from).is_some_and(|l| l.trim().is_empty())
            && starts_header_block(lines, from + 1);
    }
    let matches = lines
        .iter()
        .skip(from + 1)
        .take(LOOK)
        .filter(|l| {
            let l = start(l);
            OTHERS.iter().any(|o| l.starts_with(o))
        })
        .count();
    matches >= 2
}

/// GMX and web.de: "Gesendet:" stands before "Von:". An address must be among the lines, since people write lists too.
fn sender_comes_later(
    lines: &[&str],
    at: usize,
    first: &str,
    from: &[&str],
    others: &[&str],
    start: impl Fn(&str) -> String,
) -> bool {
    const LOOK: usize = 4;
    let has = |line: &str, words: &[&str]| words.iter().any(|w| line.starts_with(w));
    if !has(first, others) {
        return false;
    }
    let next = || lines.iter().skip(at + 1).take(LOOK);
    next().any(|l| has(&start(l), from))
        && next().any(|l| l.contains('@'))
        && next().filter(|l| has(&start(l), others)).count() >= 2
}

/// "On Monday Ann wrote:" over one to three lines, in many languages. Gives its length.
fn attribution(lines: &[&str], at: usize) -> Option<usize> {
    const MAX_LINES: usize = 3;
    const MAX_LENGTH: usize = 400;
    let first = lines.get(at)?.trim();
    // Cheap refusal for nearly every line: some date, address or opening word.
    if first.is_empty() || first.len() > MAX_LENGTH || first.starts_with('>') {
        return None;
    }
    let mut joined = String::new();
    for (n, line) in lines.iter().skip(at).take(MAX_LINES).enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('>') || joined.len() + line.len() > MAX_LENGTH {
            return None;
        }
        joined.push_str(line);
        joined.push(' ');
        if line.ends_with([':', '：']) {
            let quoted = lines
                .iter()
                .skip(at + n + 1)
                .find(|l| !l.trim().is_empty())
                .is_some_and(|l| is_quoted(l));
            return is_attribution(&joined, quoted).then_some(n + 1);
        }
    }
    None
}

/// `quoted`: lines of a quote follow, so that less is needed.
fn is_attribution(text: &str, quoted: bool) -> bool {
    const VERBS: [&str; 24] = [
        " wrote",
        " writes",
        " schrieb",
        " schreibt",
        " a écrit",
        " escribió",
        " ha scritto",
        " scrisse",
        " schreef",
        " escreveu",
        " skrev",
        " napisał",
        " pisze",
        " kirjoitti",
        " написал",
        " пишет",
        " написав",
        " yazdı",
        " írta",
        " napsal",
        " wrote on",
        "写道",
        "のメッセージ",
        "님이 작성",
    ];
    let lower = text.to_lowercase();
    let dated = lower.chars().any(|c| c.is_ascii_digit()) || lower.contains('@');
    let verb = VERBS.iter().any(|v| lower.contains(v))
        || (lower.starts_with("le ") && lower.contains("écrit"))
        || (lower.starts_with("op ") && lower.contains("schreef"))
        // German: "Am 2.3.2026 um 10:00 schrieb Ann:".
        || (lower.starts_with("am ") && lower.contains("schrieb"));
    // Yandex and the Japanese of Gmail: the date and the author alone.
    let named = quoted && lower.contains('@') && lower.chars().any(|c| c.is_ascii_digit());
    (verb && (dated || quoted)) || named
}

/// Where the quote of a well-known mail program begins in HTML.
fn quote_in_html(html: &str) -> Option<usize> {
    const CLASSES: [&str; 9] = [
        "gmail_quote",
        "gmail_attr",
        "gmail_extra",
        "yahoo_quoted",
        "moz-cite-prefix",
        "protonmail_quote",
        "zmail_extra",
        "tutanota_quote",
        "moz-forward-container",
    ];
    const IDS: [&str; 5] = [
        "divrplyfwdmsg",
        "appendonsend",
        "olk_src_body_section",
        "mail-editor-reference-message-container",
        "reply-intro",
    ];
    for (at, piece) in Scanner::new(html) {
        let Piece::Start { name, attributes } = piece else {
            continue;
        };
        if name.eq_ignore_ascii_case("blockquote") {
            let cite =
                attribute(attributes, "type").is_some_and(|t| t.eq_ignore_ascii_case("cite"));
            let classed = attribute(attributes, "class").is_some_and(|c| c.contains("quote"));
            if cite || classed {
                return Some(at);
            }
            continue;
        }
        if !(name.eq_ignore_ascii_case("div") || name.eq_ignore_ascii_case("hr"))
            || attributes.is_empty()
        {
            continue;
        }
        let class = attribute(attributes, "class").unwrap_or_default();
        if class.split_whitespace().any(|c| CLASSES.contains(&c)) {
            return Some(at);
        }
        let id = attribute(attributes, "id")
            .unwrap_or_default()
            .to_ascii_lowercase();
        if IDS.iter().any(|i| id.ends_with(i)) {
            return Some(at);
        }
        // Outlook on the desktop: a thin line above "From:".
        let style = attribute(attributes, "style")
            .unwrap_or_default()
            .to_ascii_lowercase();
        if style.contains("border-top:solid #e1e1e1") || style.contains("border-top:solid #b5c4df")
        {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_signatures_go_in_many_languages() {
        let table = [
            (
                "New\n\nOn Mon, 2 Mar 2026, Ann <a@b.c> wrote:\n> old\n> old",
                "New",
            ),
            (
                "New\n\nOn Mon, 2 Mar 2026 at 10:00 Ann\n<a@b.c> wrote:\n\n> old",
                "New",
            ),
            (
                "Neu\n\nAm 2.3.2026 um 10:00 schrieb Ann <a@b.c>:\n> alt",
                "Neu",
            ),
            (
                "Nouveau\n\nLe lun. 2 mars 2026 à 10:00, Ann <a@b.c> a écrit :\n> vieux",
                "Nouveau",
            ),
            (
                "Nuevo\n\nEl lun, 2 mar 2026, Ann (a@b.c) escribió:\nviejo",
                "Nuevo",
            ),
            ("Nuovo\n\nIl 2/3/2026 10:00, Ann ha scritto:\n> v", "Nuovo"),
            (
                "Nieuw\n\nOp 2 mrt 2026 schreef Ann <a@b.c>:\n> oud",
                "Nieuw",
            ),
            ("Novo\n\nEm 2 de mar. de 2026, Ann escreveu:\n> v", "Novo"),
            ("Ny\n\nDen 2 mars 2026 skrev Ann <a@b.c>:\n> g", "Ny"),
            (
                "Nowe\n\npon., 2 mar 2026 Ann <a@b.c> napisał(a):\n> s",
                "Nowe",
            ),
            (
                "Новое\n\n2 марта 2026 г. Ann <a@b.c> написал:\n> с",
                "Новое",
            ),
            ("新\n\n在 2026年3月2日，Ann <a@b.c> 写道：\n> 旧", "新"),
            ("New\n-----Original Message-----\nFrom: x\nold", "New"),
            ("Neu\n-----Ursprüngliche Nachricht-----\nVon: x", "Neu"),
            (
                "New\n\n________________________________\nFrom: Ann\nSent: Monday\nTo: Bob\nSubject: x\n\nold",
                "New",
            ),
            (
                "Neu\n\nVon: Ann\nGesendet: Montag\nAn: Bob\nBetreff: x\n\nalt",
                "Neu",
            ),
            ("New\n-- \nAnn\nBoss", "New"),
            ("New\n\nSent from my iPhone", "New"),
            (
                "> old question\n\nnew answer\n\n> another\n\nsecond answer",
                "new answer\n\nsecond answer",
            ),
            ("On 2 Mar 2026 Ann wrote:\n> old\n\nbelow", "below"),
            (
                "Just text: on the table\nand more.",
                "Just text: on the table\nand more.",
            ),
            ("From: my heart\nthanks", "From: my heart\nthanks"),
            ("She wrote:\nhello", "She wrote:\nhello"),
            ("", ""),
        ];
        for (given, want) in table {
            assert_eq!(new_part(given, None), want, "{given}");
        }
    }

    #[test]
    fn html_marks_are_used_where_the_text_has_none() {
        for quote in [
            "<div class=\"gmail_quote\">old</div>",
            "<blockquote type='cite'>old</blockquote>",
            "<div id='divRplyFwdMsg'>old</div>",
            "<div style='border:none;border-top:solid #E1E1E1 1.0pt'>old</div>",
            "<div class='x yahoo_quoted'>old</div>",
        ] {
            let html = format!("<p>New</p>{quote}");
            let text = html_text::text(&html).replace("> ", "");
            assert_eq!(new_part(&text, Some(&html)), "New", "{quote}");
        }
        assert_eq!(new_part("all new", Some("<p>all new</p>")), "all new");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(>|On |2|wrote:|--|From:|Sent:|\\PC|\n){0,60}", html in "(<div class=gmail_quote>|<|\\PC){0,20}") {
            let _ = new_part(&text, Some(&html));
        }
    }
}
