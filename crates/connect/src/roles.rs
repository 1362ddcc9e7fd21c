//! What a folder is for: the server's own marks (SPECIAL-USE, RFC 6154) first, then its name in the languages that mail
//! programs and providers use.

mod names;

use model::folder::Role;
use names::NAMES;

/// Marks of RFC 6154 and RFC 8457, and Gmail's older ones.
const MARKS: &[(&str, Role)] = &[
    ("\\inbox", Role::Inbox),
    ("\\drafts", Role::Drafts),
    ("\\sent", Role::Sent),
    ("\\junk", Role::Junk),
    ("\\spam", Role::Junk),
    ("\\trash", Role::Trash),
    ("\\archive", Role::Archive),
    ("\\all", Role::All),
    ("\\allmail", Role::All),
    ("\\flagged", Role::Flagged),
    ("\\starred", Role::Flagged),
];

/// What a folder is for, if that can be told. `decoded_path` is the whole path as people read it, `delimiter` what stands
/// between its parts. A name counts at the top, and one level below INBOX or a provider's root such as `[Gmail]`.
pub fn role_of(attributes: &[String], decoded_path: &str, delimiter: Option<char>) -> Option<Role> {
    if decoded_path.eq_ignore_ascii_case("inbox") {
        return Some(Role::Inbox);
    }
    by_mark(attributes).or_else(|| by_name(decoded_path, delimiter))
}

/// Whether a folder is stored unless somebody says otherwise: everything but junk, trash, and the views that show messages of
/// other folders again.
pub const fn stored_by_default(role: Option<Role>, view: bool) -> bool {
    !view
        && !matches!(
            role,
            Some(Role::Junk | Role::Trash | Role::All | Role::Flagged)
        )
}

/// Whether the server marks a folder as a view of messages that lie in other folders, and the mark stands for no role.
pub fn is_view(attributes: &[String]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.eq_ignore_ascii_case("\\important"))
}

/// What the server's mark says.
pub(crate) fn by_mark(attributes: &[String]) -> Option<Role> {
    attributes.iter().find_map(|attribute| {
        let attribute = attribute.to_ascii_lowercase();
        MARKS
            .iter()
            .find(|(mark, _)| *mark == attribute)
            .map(|(_, role)| *role)
    })
}

fn by_name(path: &str, delimiter: Option<char>) -> Option<Role> {
    let parts: Vec<&str> = match delimiter {
        Some(delimiter) => path.split(delimiter).collect(),
        None => vec![path],
    };
    let name = match parts.as_slice() {
        [name] => name,
        [root, name] if root.eq_ignore_ascii_case("inbox") || root.starts_with('[') => name,
        _ => return None,
    };
    let name = name.trim().to_lowercase();
    NAMES
        .iter()
        .find(|(_, names)| names.contains(&name.as_str()))
        .map(|(role, _)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(attributes: &[&str], path: &str, delimiter: char) -> Option<Role> {
        let attributes: Vec<String> = attributes.iter().map(|text| (*text).to_owned()).collect();
        role_of(&attributes, path, Some(delimiter))
    }

    #[test]
    fn marks_win_over_names() {
        assert_eq!(
            role(&["\\HasNoChildren", "\\SENT"], "Trash", '/'),
            Some(Role::Sent)
        );
        assert_eq!(
            role(&["\\All"], "[Gmail]/Alle Nachrichten", '/'),
            Some(Role::All)
        );
    }

    #[test]
    fn names_are_known_in_several_languages() {
        for (path, delimiter, wanted) in [
            ("inbox", '/', Some(Role::Inbox)),
            ("Sent Items", '/', Some(Role::Sent)),
            ("INBOX.Gesendet", '.', Some(Role::Sent)),
            ("Entwürfe", '/', Some(Role::Drafts)),
            ("ENTWÜRFE", '/', Some(Role::Drafts)),
            ("[Gmail]/Corbeille", '/', Some(Role::Trash)),
            ("已发送", '/', Some(Role::Sent)),
            ("Спам", '|', Some(Role::Junk)),
            ("Archive", '/', Some(Role::Archive)),
            ("Archive/Sent", '/', None),
            ("Project Sent", '/', None),
            ("INBOX/Sent/2025", '/', None),
        ] {
            assert_eq!(role(&[], path, delimiter), wanted, "{path}");
        }
    }

    #[test]
    fn four_roles_are_known_in_each_of_these_languages() {
        use Role::{Drafts, Junk, Sent, Trash};
        let languages = [
            (
                "English",
                ["Sent Items", "Drafts", "Deleted Items", "Junk Email"],
            ),
            (
                "German",
                [
                    "Gesendete Elemente",
                    "Entwürfe",
                    "Papierkorb",
                    "Unerwünscht",
                ],
            ),
            (
                "French",
                [
                    "Éléments envoyés",
                    "Brouillons",
                    "Corbeille",
                    "Courrier indésirable",
                ],
            ),
            (
                "Spanish",
                ["Enviados", "Borradores", "Papelera", "Correo no deseado"],
            ),
            (
                "Portuguese",
                ["Itens Enviados", "Rascunhos", "Lixeira", "Lixo Eletrônico"],
            ),
            (
                "Italian",
                ["Posta inviata", "Bozze", "Cestino", "Posta indesiderata"],
            ),
            (
                "Dutch",
                [
                    "Verzonden items",
                    "Concepten",
                    "Prullenbak",
                    "Ongewenste e-mail",
                ],
            ),
            (
                "Polish",
                ["Elementy wysłane", "Szkice", "Kosz", "Wiadomości-śmieci"],
            ),
            (
                "Czech",
                ["Odeslaná pošta", "Koncepty", "Koš", "Nevyžádaná pošta"],
            ),
            (
                "Slovak",
                ["Odoslané", "Rozpracované", "Kôš", "Nevyžiadaná pošta"],
            ),
            (
                "Hungarian",
                [
                    "Elküldött elemek",
                    "Piszkozatok",
                    "Törölt elemek",
                    "Levélszemét",
                ],
            ),
            (
                "Romanian",
                [
                    "Elemente trimise",
                    "Ciorne",
                    "Elemente șterse",
                    "Mesaje nedorite",
                ],
            ),
            (
                "Swedish",
                ["Skickat", "Utkast", "Papperskorgen", "Skräppost"],
            ),
            (
                "Norwegian",
                [
                    "Sendte elementer",
                    "Utkast",
                    "Slettede elementer",
                    "Søppelpost",
                ],
            ),
            (
                "Danish",
                ["Sendt post", "Udkast", "Slettet post", "Uønsket mail"],
            ),
            (
                "Finnish",
                ["Lähetetyt", "Luonnokset", "Roskakori", "Roskaposti"],
            ),
            (
                "Turkish",
                [
                    "Gönderilmiş Öğeler",
                    "Taslaklar",
                    "Silinmiş Öğeler",
                    "Önemsiz E-posta",
                ],
            ),
            ("Russian", ["Отправленные", "Черновики", "Корзина", "Спам"]),
            (
                "Ukrainian",
                ["Надіслані", "Чернетки", "Кошик", "Небажана пошта"],
            ),
            (
                "Bulgarian",
                ["Изпратени", "Чернови", "Кошче", "Нежелана поща"],
            ),
            (
                "Croatian",
                ["Poslano", "Nacrti", "Smeće", "Neželjena pošta"],
            ),
            (
                "Greek",
                [
                    "Απεσταλμένα",
                    "Πρόχειρα",
                    "Κάδος απορριμμάτων",
                    "Ανεπιθύμητα",
                ],
            ),
            (
                "Catalan",
                ["Enviats", "Esborranys", "Paperera", "Correu brossa"],
            ),
            ("Hebrew", ["פריטים שנשלחו", "טיוטות", "אשפה", "דואר זבל"]),
            (
                "Arabic",
                [
                    "العناصر المرسلة",
                    "المسودات",
                    "سلة المهملات",
                    "البريد العشوائي",
                ],
            ),
            ("Thai", ["ที่ส่งแล้ว", "ร่างจดหมาย", "ถังขยะ", "อีเมลขยะ"]),
            (
                "Vietnamese",
                ["Thư đã gửi", "Thư nháp", "Thùng rác", "Thư rác"],
            ),
            ("Indonesian", ["Terkirim", "Draf", "Sampah", "Spam"]),
            ("Chinese", ["已发送", "草稿箱", "已删除", "垃圾邮件"]),
            (
                "Chinese, traditional",
                ["寄件備份", "草稿匣", "刪除的郵件", "垃圾郵件"],
            ),
            (
                "Japanese",
                ["送信済みトレイ", "下書き", "ゴミ箱", "迷惑メール"],
            ),
            ("Korean", ["보낸 편지함", "임시 보관함", "휴지통", "스팸"]),
        ];
        for (language, names) in languages {
            for (name, wanted) in names.iter().zip([Sent, Drafts, Trash, Junk]) {
                assert_eq!(role(&[], name, '/'), Some(wanted), "{language}: {name}");
            }
        }
    }

    #[test]
    fn a_flat_name_needs_no_delimiter() {
        assert_eq!(role_of(&[], "Papierkorb", None), Some(Role::Trash));
    }

    #[test]
    fn no_name_stands_for_two_roles() {
        let mut seen = std::collections::HashMap::new();
        for (role, names) in NAMES {
            for name in *names {
                assert_eq!(name.to_lowercase(), *name, "{name} can never match");
                assert_eq!(seen.insert(*name, *role), None, "{name} is there twice");
            }
        }
    }
}
