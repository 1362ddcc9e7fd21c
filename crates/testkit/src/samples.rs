//! Sentences for generated mail, each with its bytes in the charset that a mail declares.

/// A sentence in a charset.
pub(crate) struct Sample {
    /// The name as a mail declares it.
    pub charset: &'static str,
    /// What a reader must see.
    pub text: &'static str,
    /// The same in the charset.
    pub bytes: &'static [u8],
}

/// Sentences in plain English.
pub(crate) const ENGLISH: &[&str] = &[
    "Please find the revised quotation attached, as agreed on the phone.",
    "The delivery arrived this morning and two boxes were damaged.",
    "Could you confirm the meeting on Thursday at ten?",
    "We have not received the invoice for the second quarter yet.",
    "The new release fixes the problem with the export of large reports.",
    "Let me know whether the customer accepts the changed conditions.",
    "I am out of the office until Monday; Maria will answer for me.",
    "Thank you for the quick answer, that solved it.",
    "The server was restarted at noon and everything works again.",
    "Attached are the minutes; section three needs your approval.",
    "Our accountant asks for the order number on every invoice.",
    "The price list is valid until the end of the year.",
];

/// Subjects in plain English.
pub(crate) const SUBJECTS: &[&str] = &[
    "Quotation 2024-117",
    "Delivery of order 88213",
    "Minutes of the weekly meeting",
    "Invoice overdue",
    "Question about the contract",
    "Server maintenance tonight",
    "Holiday plan",
    "Your support request",
    "Updated price list",
    "Project status",
    "Welcome aboard",
    "Travel expenses",
];

/// Sentences in other languages and charsets, three for each charset.
pub(crate) const SAMPLES: &[Sample] = &[
    Sample {
        charset: "iso-8859-1",
        text: "Schöne Grüße aus Köln, das Angebot über 4.200 Stück folgt am Dienstag.",
        bytes: b"Sch\xf6ne Gr\xfc\xdfe aus K\xf6ln, das Angebot \xfcber 4.200 St\xfcck folgt am Dienstag.",
    },
    Sample {
        charset: "iso-8859-1",
        text: "L'équipe a déjà reçu le contrat signé, merci beaucoup à tous.",
        bytes: b"L'\xe9quipe a d\xe9j\xe0 re\xe7u le contrat sign\xe9, merci beaucoup \xe0 tous.",
    },
    Sample {
        charset: "iso-8859-1",
        text: "El señor Muñoz llamará mañana después de las diez.",
        bytes: b"El se\xf1or Mu\xf1oz llamar\xe1 ma\xf1ana despu\xe9s de las diez.",
    },
    Sample {
        charset: "iso-8859-15",
        text: "Der Preis beträgt 1.250 € zuzüglich Mehrwertsteuer, Lieferung nach Düsseldorf.",
        bytes: b"Der Preis betr\xe4gt 1.250 \xa4 zuz\xfcglich Mehrwertsteuer, Lieferung nach D\xfcsseldorf.",
    },
    Sample {
        charset: "iso-8859-15",
        text: "Le cœur du problème, c'est la facture nº 17 à 300 €.",
        bytes: b"Le c\xbdur du probl\xe8me, c'est la facture n\xba 17 \xe0 300 \xa4.",
    },
    Sample {
        charset: "iso-8859-15",
        text: "Šárka and Žofie fly to Tallinn, täna õhtul.",
        bytes: b"\xa6\xe1rka and \xb4ofie fly to Tallinn, t\xe4na \xf5htul.",
    },
    Sample {
        charset: "windows-1251",
        text: "Добрый день! Направляю вам исправленный договор поставки.",
        bytes: b"\xc4\xee\xe1\xf0\xfb\xe9 \xe4\xe5\xed\xfc! \xcd\xe0\xef\xf0\xe0\xe2\xeb\xff\xfe \xe2\xe0\xec \xe8\xf1\xef\xf0\xe0\xe2\xeb\xe5\xed\xed\xfb\xe9 \xe4\xee\xe3\xee\xe2\xee\xf0 \xef\xee\xf1\xf2\xe0\xe2\xea\xe8.",
    },
    Sample {
        charset: "windows-1251",
        text: "Счёт оплачен вчера, подтверждение во вложении.",
        bytes: b"\xd1\xf7\xb8\xf2 \xee\xef\xeb\xe0\xf7\xe5\xed \xe2\xf7\xe5\xf0\xe0, \xef\xee\xe4\xf2\xe2\xe5\xf0\xe6\xe4\xe5\xed\xe8\xe5 \xe2\xee \xe2\xeb\xee\xe6\xe5\xed\xe8\xe8.",
    },
    Sample {
        charset: "windows-1251",
        text: "Пожалуйста, перезвоните мне после обеда — вопрос срочный.",
        bytes: b"\xcf\xee\xe6\xe0\xeb\xf3\xe9\xf1\xf2\xe0, \xef\xe5\xf0\xe5\xe7\xe2\xee\xed\xe8\xf2\xe5 \xec\xed\xe5 \xef\xee\xf1\xeb\xe5 \xee\xe1\xe5\xe4\xe0 \x97 \xe2\xee\xef\xf0\xee\xf1 \xf1\xf0\xee\xf7\xed\xfb\xe9.",
    },
    Sample {
        charset: "koi8-r",
        text: "Отчёт готов, посмотрите пожалуйста до пятницы.",
        bytes: b"\xef\xd4\xde\xa3\xd4 \xc7\xcf\xd4\xcf\xd7, \xd0\xcf\xd3\xcd\xcf\xd4\xd2\xc9\xd4\xc5 \xd0\xcf\xd6\xc1\xcc\xd5\xca\xd3\xd4\xc1 \xc4\xcf \xd0\xd1\xd4\xce\xc9\xc3\xd9.",
    },
    Sample {
        charset: "koi8-r",
        text: "Встреча переносится на четверг в десять часов.",
        bytes: b"\xf7\xd3\xd4\xd2\xc5\xde\xc1 \xd0\xc5\xd2\xc5\xce\xcf\xd3\xc9\xd4\xd3\xd1 \xce\xc1 \xde\xc5\xd4\xd7\xc5\xd2\xc7 \xd7 \xc4\xc5\xd3\xd1\xd4\xd8 \xde\xc1\xd3\xcf\xd7.",
    },
    Sample {
        charset: "koi8-r",
        text: "Спасибо за быстрый ответ и хороших выходных!",
        bytes: b"\xf3\xd0\xc1\xd3\xc9\xc2\xcf \xda\xc1 \xc2\xd9\xd3\xd4\xd2\xd9\xca \xcf\xd4\xd7\xc5\xd4 \xc9 \xc8\xcf\xd2\xcf\xdb\xc9\xc8 \xd7\xd9\xc8\xcf\xc4\xce\xd9\xc8!",
    },
    Sample {
        charset: "iso-2022-jp",
        text: "お世話になっております。見積書をお送りいたします。",
        bytes: b"\x1b$B$*@$OC$K$J$C$F$*$j$^$9!#8+@Q=q$r$*Aw$j$$$?$7$^$9!#\x1b(B",
    },
    Sample {
        charset: "iso-2022-jp",
        text: "明日の会議は午後三時に変更になりました。",
        bytes: b"\x1b$BL@F|$N2q5D$O8a8e;0;~$KJQ99$K$J$j$^$7$?!#\x1b(B",
    },
    Sample {
        charset: "iso-2022-jp",
        text: "ご確認のほど、よろしくお願いいたします。",
        bytes: b"\x1b$B$43NG'$N$[$I!\"$h$m$7$/$*4j$$$$$?$7$^$9!#\x1b(B",
    },
    Sample {
        charset: "gb18030",
        text: "您好，附件是最新的报价单，请查收。",
        bytes: b"\xc4\xfa\xba\xc3\xa3\xac\xb8\xbd\xbc\xfe\xca\xc7\xd7\xee\xd0\xc2\xb5\xc4\xb1\xa8\xbc\xdb\xb5\xa5\xa3\xac\xc7\xeb\xb2\xe9\xca\xd5\xa1\xa3",
    },
    Sample {
        charset: "gb18030",
        text: "会议改到星期四上午十点，谢谢。",
        bytes: b"\xbb\xe1\xd2\xe9\xb8\xc4\xb5\xbd\xd0\xc7\xc6\xda\xcb\xc4\xc9\xcf\xce\xe7\xca\xae\xb5\xe3\xa3\xac\xd0\xbb\xd0\xbb\xa1\xa3",
    },
    Sample {
        charset: "gb18030",
        text: "货物已经发出，预计下周到达。",
        bytes: b"\xbb\xf5\xce\xef\xd2\xd1\xbe\xad\xb7\xa2\xb3\xf6\xa3\xac\xd4\xa4\xbc\xc6\xcf\xc2\xd6\xdc\xb5\xbd\xb4\xef\xa1\xa3",
    },
    Sample {
        charset: "utf-8",
        text: "Grüße an alle – das Treffen ist verschoben ☕, bis später!",
        bytes: b"Gr\xc3\xbc\xc3\x9fe an alle \xe2\x80\x93 das Treffen ist verschoben \xe2\x98\x95, bis sp\xc3\xa4ter!",
    },
    Sample {
        charset: "utf-8",
        text: "ありがとう, спасибо, ευχαριστώ, gracias, teşekkürler 🎉",
        bytes: b"\xe3\x81\x82\xe3\x82\x8a\xe3\x81\x8c\xe3\x81\xa8\xe3\x81\x86, \xd1\x81\xd0\xbf\xd0\xb0\xd1\x81\xd0\xb8\xd0\xb1\xd0\xbe, \xce\xb5\xcf\x85\xcf\x87\xce\xb1\xcf\x81\xce\xb9\xcf\x83\xcf\x84\xcf\x8e, gracias, te\xc5\x9fekk\xc3\xbcrler \xf0\x9f\x8e\x89",
    },
    Sample {
        charset: "utf-8",
        text: "Η παραγγελία σας έχει αποσταλεί και φτάνει αύριο.",
        bytes: b"\xce\x97 \xcf\x80\xce\xb1\xcf\x81\xce\xb1\xce\xb3\xce\xb3\xce\xb5\xce\xbb\xce\xaf\xce\xb1 \xcf\x83\xce\xb1\xcf\x82 \xce\xad\xcf\x87\xce\xb5\xce\xb9 \xce\xb1\xcf\x80\xce\xbf\xcf\x83\xcf\x84\xce\xb1\xce\xbb\xce\xb5\xce\xaf \xce\xba\xce\xb1\xce\xb9 \xcf\x86\xcf\x84\xce\xac\xce\xbd\xce\xb5\xce\xb9 \xce\xb1\xcf\x8d\xcf\x81\xce\xb9\xce\xbf.",
    },
];
