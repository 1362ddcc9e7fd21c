//! What a folder is for: the server's own marks (SPECIAL-USE, RFC 6154) first, then its name in the languages that mail
//! programs and providers use.

use model::folder::Role;

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

/// Names in lower case, as Outlook, Gmail, Apple Mail, Thunderbird, Roundcube and large providers write them.
const NAMES: &[(Role, &[&str])] = &[
    (
        Role::Sent,
        &[
            "sent",
            "sent items",
            "sent mail",
            "sent messages",
            "sent-mail",
            "gesendet",
            "gesendete elemente",
            "gesendete objekte",
            "gesendete nachrichten",
            "envoyés",
            "messages envoyés",
            "éléments envoyés",
            "courrier envoyé",
            "enviados",
            "elementos enviados",
            "mensajes enviados",
            "correo enviado",
            "itens enviados",
            "e-mails enviados",
            "inviati",
            "posta inviata",
            "inviata",
            "messaggi inviati",
            "verzonden",
            "verzonden items",
            "verzonden berichten",
            "wysłane",
            "elementy wysłane",
            "odeslané",
            "odeslaná pošta",
            "odoslané",
            "elküldött",
            "elküldött elemek",
            "trimise",
            "skickat",
            "skickade",
            "sendt",
            "sendte elementer",
            "lähetetyt",
            "gönderilmiş öğeler",
            "gönderilenler",
            "отправленные",
            "надіслані",
            "απεσταλμένα",
            "已发送",
            "已发送邮件",
            "寄件備份",
            "送信済み",
            "送信済みトレイ",
            "送信済みメール",
            "보낸 편지함",
            "보낸메일함",
        ],
    ),
    (
        Role::Drafts,
        &[
            "drafts",
            "draft",
            "entwürfe",
            "entwurf",
            "brouillons",
            "brouillon",
            "borradores",
            "rascunhos",
            "bozze",
            "concepten",
            "kopie robocze",
            "szkice",
            "koncepty",
            "rozepsané",
            "rozpracované",
            "piszkozatok",
            "ciorne",
            "utkast",
            "kladder",
            "luonnokset",
            "taslaklar",
            "черновики",
            "чернетки",
            "πρόχειρα",
            "草稿",
            "草稿箱",
            "草稿匣",
            "下書き",
            "임시 보관함",
            "임시보관함",
        ],
    ),
    (
        Role::Trash,
        &[
            "trash",
            "deleted",
            "deleted items",
            "deleted messages",
            "bin",
            "papierkorb",
            "gelöschte elemente",
            "gelöschte objekte",
            "corbeille",
            "éléments supprimés",
            "messages supprimés",
            "papelera",
            "elementos eliminados",
            "lixeira",
            "itens excluídos",
            "itens eliminados",
            "cestino",
            "posta eliminata",
            "prullenbak",
            "verwijderde items",
            "kosz",
            "elementy usunięte",
            "koš",
            "odstraněná pošta",
            "kôš",
            "lomtár",
            "törölt elemek",
            "coș de gunoi",
            "papperskorg",
            "papperskorgen",
            "papirkurv",
            "slettede elementer",
            "roskakori",
            "çöp kutusu",
            "silinmiş öğeler",
            "корзина",
            "удаленные",
            "удалённые",
            "кошик",
            "κάδος απορριμμάτων",
            "已删除",
            "已删除邮件",
            "垃圾桶",
            "刪除的郵件",
            "ゴミ箱",
            "휴지통",
            "지운 편지함",
        ],
    ),
    (
        Role::Junk,
        &[
            "junk",
            "junk e-mail",
            "junk email",
            "junk mail",
            "spam",
            "spam mail",
            "bulk mail",
            "bulk",
            "spamverdacht",
            "unerwünscht",
            "junk-e-mail",
            "werbung",
            "courrier indésirable",
            "indésirables",
            "pourriel",
            "correo no deseado",
            "no deseado",
            "lixo eletrônico",
            "lixo eletrónico",
            "posta indesiderata",
            "ongewenste e-mail",
            "wiadomości-śmieci",
            "niechciane",
            "nevyžádaná pošta",
            "nevyžiadaná pošta",
            "levélszemét",
            "skräppost",
            "søppelpost",
            "uønsket e-post",
            "roskaposti",
            "istenmeyen",
            "önemsiz e-posta",
            "спам",
            "нежелательная почта",
            "ανεπιθύμητα",
            "垃圾邮件",
            "垃圾郵件",
            "迷惑メール",
            "스팸",
            "스팸메일함",
            "스팸편지함",
        ],
    ),
    (
        Role::Archive,
        &[
            "archive",
            "archives",
            "archiv",
            "archivio",
            "archivo",
            "arquivo",
            "archief",
            "archiwum",
            "arkiv",
            "arkisto",
            "arşiv",
            "архив",
            "архів",
            "归档",
            "封存",
            "アーカイブ",
            "보관함",
        ],
    ),
    (
        Role::All,
        &[
            "all mail",
            "alle nachrichten",
            "tous les messages",
            "todos",
            "tutti i messaggi",
            "todos os e-mails",
            "alle berichten",
            "вся почта",
            "所有邮件",
            "すべてのメール",
            "전체보관함",
        ],
    ),
    (
        Role::Flagged,
        &[
            "starred",
            "flagged",
            "markiert",
            "suivis",
            "destacados",
            "speciali",
            "com estrela",
            "met ster",
            "помеченные",
            "已加星标",
            "スター付き",
        ],
    ),
];

/// What a folder is for, if that can be told. `decoded_path` is the whole path as people read it, `delimiter` what stands
/// between its parts. A name counts at the top, and one level below INBOX or a provider's root such as `[Gmail]`.
pub fn role_of(attributes: &[String], decoded_path: &str, delimiter: Option<char>) -> Option<Role> {
    if decoded_path.eq_ignore_ascii_case("inbox") {
        return Some(Role::Inbox);
    }
    by_mark(attributes).or_else(|| by_name(decoded_path, delimiter))
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
