//! Sanitising: vectors of attack, what must stay, rest after one pass, bounded time.

use mail_message::sanitize::{MAX_INPUT, Options, RemoteImages, Sanitized, sanitize};

fn blocked(html: &str) -> Sanitized {
    sanitize(html, &Options::default())
}

/// Nothing in `html` runs or loads.
fn assert_inert(given: &str, html: &str) {
    let lower = html.to_ascii_lowercase();
    for bad in [
        "<script",
        "<svg",
        "<math",
        "<iframe",
        "<object",
        "<embed",
        "<form",
        "<input",
        "<button",
        "<base",
        "<meta",
        "<link",
        "<style",
        "<video",
        "<audio",
        "<template",
        "<textarea",
        "<title",
        "<frame",
        "<applet",
        "<!--",
        " srcset=",
        " background=",
        " action=",
        " id=",
        " class=",
        " name=",
        "srcdoc",
        " poster=",
        "url(",
        "expression(",
        "position:",
        "@import",
    ] {
        assert!(
            !markup(&lower).contains(bad),
            "{bad} in {html} from {given}"
        );
    }
    for tag in tags(&lower).split('<').skip(1) {
        // Serialised attributes always have double quotes: odd pieces are values.
        let pieces: Vec<&str> = tag.split('"').collect();
        for pair in pieces.chunks(2) {
            let [names, value] = pair else { continue };
            let name = names
                .trim_end_matches('=')
                .rsplit(' ')
                .next()
                .unwrap_or_default();
            assert!(!name.starts_with("on"), "{html} from {given}");
            if name == "href" {
                assert!(
                    ["http://", "https://", "mailto:", "tel:"]
                        .iter()
                        .any(|s| value.starts_with(s)),
                    "{html}"
                );
            }
            if name == "src" {
                assert!(
                    value.starts_with("data:image/") || value.starts_with("/parts/"),
                    "{html} from {given}"
                );
            }
        }
    }
}

/// The markup of `html` without its text.
fn tags(html: &str) -> String {
    let mut out = String::new();
    for piece in html.split('<').skip(1) {
        out.push('<');
        out.push_str(piece.split('>').next().unwrap_or_default());
    }
    out
}

/// The markup without text and without the values of `title` and `alt`, which are text.
fn markup(html: &str) -> String {
    tags(html)
        .split('<')
        .skip(1)
        .map(|tag| {
            let pieces: Vec<&str> = tag.split('"').collect();
            let kept: String = pieces
                .chunks(2)
                .map(|p| match p {
                    [n, _] if n.ends_with(" title=") || n.ends_with(" alt=") => (*n).to_owned(),
                    p => p.concat(),
                })
                .collect();
            format!("<{kept}")
        })
        .collect()
}

const VECTORS: &[&str] = &[
    "<script>alert(1)</script>",
    "<SCRIPT SRC=http://e.vil/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src=\"x\"onerror=\"alert(1)\">",
    "<img/src=x/onerror=alert(1)>",
    "<img src='x' onerror\n=\nalert(1)>",
    "<img srcset='http://e.vil/x 2x' src=/x>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x>",
    "<math><mi//xlink:href=\"data:x,<script>alert(4)</script>\">",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>x</object>",
    "<embed src=http://e.vil/x.swf>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href=' JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='\u{1}javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<a href=//e.vil/x>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<a href='http:javascript'>x</a>",
    "<base href=http://e.vil/>",
    "<meta http-equiv=refresh content='0;url=http://e.vil'>",
    "<link rel=stylesheet href=http://e.vil/x.css>",
    "<style>@import 'http://e.vil/x.css';</style>",
    "<style><!--</style><script>alert(1)//--></script>",
    "<div style='background:url(http://e.vil/x)'>x</div>",
    "<div style='background:\\75rl(http://e.vil)'>x</div>",
    "<div style='width:expression(alert(1))'>x</div>",
    "<div style='position:fixed;top:0;left:0'>x</div>",
    "<div style=\"font-family:'x';background:u/**/rl(//e)\">x</div>",
    "<table background=http://e.vil/x><tr><td background=//e.vil/y>x</table>",
    "<body onload=alert(1) background=http://e.vil/x>x</body>",
    "<input type=image src=http://e.vil/x onfocus=alert(1) autofocus>",
    "<form action=http://e.vil><button formaction=javascript:alert(1)>x</button></form>",
    "<video poster=http://e.vil/x src=//e.vil><source onerror=alert(1)></video>",
    "<audio src=http://e.vil/x autoplay>",
    "<details open ontoggle=alert(1)>x</details>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<xmp><script>alert(1)</script></xmp>",
    "<textarea><script>alert(1)</script></textarea>",
    "<title><img src=x onerror=alert(1)></title>",
    "<plaintext><script>alert(1)</script>",
    "<template><script>alert(1)</script></template>",
    "<select><option><script>alert(1)</script></select>",
    "<!--[if mso]><img src=http://e.vil/x><![endif]-->",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "<img \"\"\"><script>alert(1)</script>\">",
    "<a title='\"><img src=x onerror=alert(1)>'>x</a>",
    "<p title=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\">x</p>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
    "<img src='data:text/html;base64,PHN2Zz4='>",
    "<img src=cid:unknown>",
    "<img src=http://e.vil/pixel.gif width=1>",
    "<img src=//e.vil/pixel.gif>",
    "<img data-blocked-src='javascript:x'>",
    "<img src=`http://e.vil`>",
    "<a><table><a href=javascript:x><td>x",
    "<div id=location name=cookie class=x>x</div>",
    "<a href=http://e.vil target=_top rel=opener>x</a>",
    "<font face=\"url(x)\" color=\"expression(1)\">x</font>",
    "<bgsound src=http://e.vil>",
    "<frameset><frame src=http://e.vil></frameset>",
    "<isindex action=javascript:x>",
    "<layer src=http://e.vil>",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
];

#[test]
fn no_vector_leaves_anything_active_and_one_pass_is_final() {
    for given in VECTORS {
        let once = blocked(given);
        assert_inert(given, &once.html);
        let twice = blocked(&once.html);
        assert_eq!(once.html, twice.html, "{given}");
        assert_eq!(once.blocked_remote, twice.blocked_remote, "{given}");
    }
    // All of them together.
    let all = VECTORS.concat();
    let once = blocked(&all);
    assert_inert("all", &once.html);
    assert_eq!(blocked(&once.html).html, once.html);
}

#[test]
fn ordinary_mail_stays_readable() {
    let table = [
        ("<p>Hi <b>you</b></p>", "<p>Hi <b>you</b></p>"),
        ("<p>one<p>two", "<p>one</p><p>two</p>"),
        ("a<br>b", "a<br>b"),
        ("<ul><li>x<li>y</ul>", "<ul><li>x</li><li>y</li></ul>"),
        (
            "<table width=100% bgcolor=#fff><tr><td align=center>x</table>",
            "<table width=\"100%\" bgcolor=\"#fff\"><tbody><tr><td align=\"center\">x</td></tr></tbody></table>",
        ),
        (
            "<div style='color:red;position:fixed'>x</div>",
            "<div style=\"color: red\">x</div>",
        ),
        (
            "<html><head><title>t</title></head><body>x</body></html>",
            "x",
        ),
        ("1 &lt; 2 &amp; 3", "1 &lt; 2 &amp; 3"),
        (
            "<blockquote type=cite>q</blockquote>",
            "<blockquote type=\"cite\">q</blockquote>",
        ),
        ("<pre>\n\n\n\n\n\n\na\n b</pre>", "<pre>a\n b</pre>"),
        (
            "<table>stray<tr><td>x</table>",
            "<table><tbody><tr><td>stray</td></tr><tr><td>x</td></tr></tbody></table>",
        ),
    ];
    for (given, want) in table {
        assert_eq!(blocked(given).html, want, "{given}");
    }
    let link = blocked("<a href='https://e.com/?a=1&amp;b=2'>x</a>").html;
    for part in [
        "href=\"https://e.com/?a=1&amp;b=2\"",
        "rel=\"noopener noreferrer nofollow\"",
        "target=\"_blank\"",
    ] {
        assert!(link.contains(part), "{link}");
    }
    assert!(
        blocked("<a href='mailto:a@b.c'>x</a>")
            .html
            .contains("mailto:a@b.c")
    );
}

#[test]
fn pictures_follow_the_options() {
    let html = "<img src='https://e.com/a b.png' alt=A><img src='cid:logo%40x'><img src='data:image/png;base64,iVBORw=='>";
    let off = blocked(html);
    assert_eq!(off.blocked_remote, 1);
    assert!(
        off.html
            .contains("data-blocked-src=\"https://e.com/a%20b.png\"")
            && !off.html.contains(" src=\"https")
    );
    assert!(
        off.html.contains("src=\"data:image/png;base64,iVBORw==\"") && !off.html.contains("cid:")
    );
    let map = |id: &str| (id == "logo@x").then(|| "/parts/1".to_owned());
    let on = sanitize(
        html,
        &Options {
            remote_images: RemoteImages::Allowed,
            cid: Some(&map),
        },
    );
    assert_eq!(on.blocked_remote, 0);
    assert!(
        on.html.contains(" src=\"https://e.com/a%20b.png\"")
            && on.html.contains("src=\"/parts/1\"")
    );
    // The reader's "show pictures" on what was blocked before.
    let later = sanitize(
        &off.html,
        &Options {
            remote_images: RemoteImages::Allowed,
            cid: None,
        },
    );
    assert!(later.html.contains(" src=\"https://e.com/a%20b.png\""));
}

#[test]
fn hostile_documents_end_in_bounded_time() {
    let many = |n: usize, s: &str| s.repeat(n);
    let shapes = [
        many(10_000, "<div>"),
        many(100_000, "<b>"),
        many(100_000, "<table>"),
        many(20_000, "<table><tr><td>"),
        many(10_000, "<a href=http://x><p>"),
        (0..50_000)
            .map(|i| format!("<b title={i}>"))
            .collect::<String>()
            + &many(20_000, "<p>x"),
        format!("<table>{}", many(50_000, "x<br>")),
        format!("<a {}>x", many(300_000, "a b=c ")),
        format!("<img src='{}'>", many(1_000_000, "x")),
        format!("<p style='{}'>x", many(300_000, "a:b;")),
        many(100_000, "<"),
        many(100_000, "&"),
        many(50_000, "a &amp; b "),
        many(100_000, "\u{a0}"),
        many(1_000, "<i>") + &many(50_000, "&"),
        many(300_000, "<!--"),
        many(200_000, "<svg>"),
        many(200_000, "</p>"),
        many(10_000, "<li><ul>"),
        many(20_000, "<h1>"),
    ];
    for shape in shapes {
        let out = blocked(&shape);
        assert_inert(shape.get(..40).unwrap_or_default(), &out.html);
        // Escaping makes text longer; what is over the bound now is cut.
        if out.html.len() <= MAX_INPUT {
            assert_eq!(blocked(&out.html).html, out.html);
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(400))]
    #[test]
    fn any_soup_of_tags_is_inert_and_at_rest(soup in "(</?(a|b|p|div|table|tr|td|th|tbody|caption|li|ul|h1|dd|dl|pre|svg|math|style|script|font|span|select|form|center|blockquote|template|title|img|br)( (href|src|style|onload|title)=['\"]?[a-z:/()<>&;\"' ]{0,12})?/?>|[a-z<>&;\"' \n]{0,6}|<!--|-->){0,30}") {
        let once = blocked(&soup);
        assert_inert(&soup, &once.html);
        proptest::prop_assert_eq!(&blocked(&once.html).html, &once.html);
    }
}
