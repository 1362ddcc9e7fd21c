//! Detection against a name server, a web server and mail servers on real sockets, most of which mean no good.

use connect::detect::{DetectRequest, Detector, Options, ProbePorts};
use connect::providers::Providers;
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use mail_sim::{DnsFault, DnsScript, DnsSim, HttpsScript, HttpsSim, Page};
use model::Clock;
use model::detection::{Confidence, Detection, LoginFormat, Outcome, PreparationId, Source};
use model::mailbox::{Auth, Protocol, Security};
use std::time::{Duration, Instant};
use testkit::servers;

const DOMAIN: &str = "firm.example";
const ANN: &str = "ann@firm.example";

/// The world of one test.
struct World {
    dns: DnsSim,
    https: HttpsSim,
    net: Net,
    options: Options,
}

impl World {
    fn new(dns: DnsScript, https: HttpsScript) -> Self {
        Self::allowing(dns, https, &["127.0.0.0/8", "::1"])
    }

    /// With only these networks permitted beside the public ones.
    fn allowing(dns: DnsScript, https: HttpsScript, allow: &[&str]) -> Self {
        let dns = DnsSim::start(dns);
        let https = HttpsSim::start(https);
        let policy = Policy {
            allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
            ..Policy::public_only()
        };
        let mut pem = std::fs::read(&servers().ca_pem_path).unwrap();
        pem.extend(https.ca_pem().as_bytes());
        let timeouts = Timeouts {
            resolve: Duration::from_millis(1_500),
            connect: Duration::from_secs(2),
            tls: Duration::from_secs(2),
        };
        let net = Net::new(policy, TlsSettings::new(Some(&pem)).unwrap(), timeouts)
            .using_dns(vec![dns.address()]);
        let options = Options {
            https_port: https.port(),
            limit: Duration::from_secs(6),
            // Nobody listens there unless a test says so.
            ports: ProbePorts {
                imaps: 1,
                imap: 1,
                pop3s: 1,
                submissions: 1,
                submission: 1,
            },
            ..Options::default()
        };
        Self {
            dns,
            https,
            net,
            options,
        }
    }

    fn detector(&self) -> Detector {
        let (net, options) = (self.net.clone(), self.options.clone());
        Detector::new(net, Providers::new(None), Clock::system(), options).unwrap()
    }

    async fn detect(&self, request: DetectRequest) -> Detection {
        let began = Instant::now();
        let found = self.detector().detect(&request).await.unwrap();
        let took = began.elapsed();
        assert!(
            took < self.options.limit + Duration::from_secs(1),
            "{took:?}"
        );
        assert_eq!(found.searched.len(), Source::ALL.len(), "{found:#?}");
        found
    }
}

fn ask(address: &str) -> DetectRequest {
    DetectRequest {
        address: address.to_owned(),
        ..DetectRequest::default()
    }
}

#[track_caller]
fn outcome(found: &Detection, source: Source) -> (Outcome, &str) {
    let searched = found.searched.iter().find(|s| s.source == source).unwrap();
    (searched.outcome, &searched.detail)
}

/// A zone in which the domain and its usual web names lead here.
fn zone() -> DnsScript {
    DnsScript::new()
        .address(DOMAIN, "127.0.0.1")
        .address(&format!("autoconfig.{DOMAIN}"), "127.0.0.1")
        .mx(DOMAIN, 10, "mx.hoster.example")
}

fn web() -> HttpsScript {
    HttpsScript::new(&[
        DOMAIN,
        "autoconfig.firm.example",
        "autodiscover.firm.example",
        "autoconfig.hoster.example",
        "directory.example",
    ])
}

fn file(host: &str) -> Page {
    Page::Body(
        format!(
            "<clientConfig version=\"1.1\"><emailProvider id=\"x\"><displayName>Firm</displayName>\
             <incomingServer type=\"imap\"><hostname>imap.{host}</hostname><port>993</port><socketType>SSL</socketType>\
             <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></incomingServer>\
             <outgoingServer type=\"smtp\"><hostname>smtp.{host}</hostname><port>465</port><socketType>SSL</socketType>\
             <username>%EMAILADDRESS%</username></outgoingServer></emailProvider></clientConfig>"
        )
        .into_bytes(),
    )
}

#[tokio::test]
async fn the_table_answers_at_once_and_asks_nobody() {
    let world = World::new(DnsScript::new(), web());
    let detector = world.detector();
    detector.at_once(&ask("warm@gmail.com")).unwrap();
    let began = Instant::now();
    let found = detector.detect(&ask("ann@gmail.com")).await.unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(5), "{took:?}");
    let best = found.best().unwrap();
    assert_eq!(
        (best.source, best.confidence),
        (Source::ProviderTable, Confidence::High)
    );
    assert_eq!(best.incoming.as_ref().unwrap().host, "imap.gmail.com");
    assert!(
        best.because
            .contains("gmail.com is one of the domains of Gmail"),
        "{}",
        best.because
    );
    assert_eq!(found.provider.as_ref().unwrap().id, "gmail");
    let ids: Vec<_> = found.preparation.iter().map(|p| p.id).collect();
    assert!(ids.contains(&PreparationId::AppPassword), "{ids:?}");
    assert!(world.dns.queries().is_empty());
}

#[tokio::test]
async fn a_provider_without_imap_is_an_answer_too() {
    let world = World::new(DnsScript::new(), web());
    let found = world
        .detector()
        .at_once(&ask("ann@tutanota.com"))
        .unwrap()
        .unwrap();
    assert!(found.best().is_none());
    assert_eq!(found.preparation[0].id, PreparationId::NoImap);
    let outlook = world
        .detector()
        .at_once(&ask("ann@outlook.com"))
        .unwrap()
        .unwrap();
    assert_eq!(
        outlook.best().unwrap().incoming.as_ref().unwrap().auth,
        Auth::Oauth2
    );
    let icloud = world
        .detector()
        .at_once(&ask("ann@icloud.com"))
        .unwrap()
        .unwrap();
    let icloud = icloud.best().unwrap().clone();
    assert_eq!(icloud.incoming.unwrap().username, "ann");
    assert_eq!(icloud.outgoing.unwrap().username, "ann@icloud.com");
}

#[tokio::test]
async fn mail_servers_name_the_provider_by_whole_labels() {
    for (mx, provider) in [
        ("aspmx.l.google.com", Some("google-workspace")),
        (
            "firm-example.mail.protection.outlook.com",
            Some("microsoft-365"),
        ),
        ("firm-example.o-v1.mx.microsoft", Some("microsoft-365")),
        ("evilgoogle.com", None),
        ("mx.microsoft.evil.example", None),
    ] {
        let world = World::new(DnsScript::new().mx(DOMAIN, 5, mx), web());
        let found = world.detect(ask(ANN)).await;
        let id = found.provider.as_ref().map(|p| p.id.as_str());
        match provider {
            Some(expected) => {
                assert_eq!(found.best().unwrap().source, Source::Mx);
                assert!(
                    id.is_some_and(|id| id.contains(&expected[..6])),
                    "{mx}: {id:?}"
                );
            }
            None => assert_eq!(id, None, "{mx}"),
        }
    }
}

#[tokio::test]
async fn srv_records_inside_the_domain_are_good() {
    let dns = zone()
        .srv(
            "_imaps._tcp.firm.example",
            10,
            0,
            993,
            "second.firm.example",
        )
        .srv("_imaps._tcp.firm.example", 0, 1, 1993, "first.firm.example")
        .srv("_imap._tcp.firm.example", 0, 1, 0, ".")
        .srv(
            "_submissions._tcp.firm.example",
            0,
            1,
            465,
            "smtp.firm.example",
        );
    let world = World::new(dns, web());
    let found = world.detect(ask(ANN)).await;
    let best = found.best().unwrap();
    assert_eq!(
        (best.source, best.confidence, best.trusted),
        (Source::Srv, Confidence::High, true)
    );
    let incoming = best.incoming.as_ref().unwrap();
    assert_eq!(
        (incoming.host.as_str(), incoming.port),
        ("first.firm.example", 1993)
    );
    assert_eq!(incoming.username, ANN);
    assert_eq!(best.outgoing.as_ref().unwrap().security, Security::Tls);
}

#[tokio::test]
async fn srv_records_that_lead_elsewhere_are_not_trusted_and_say_so() {
    let dns = zone()
        .srv("_imaps._tcp.firm.example", 0, 1, 993, "imap.evil.example")
        .srv(
            "_submission._tcp.firm.example",
            0,
            1,
            587,
            "smtp.firm.example",
        );
    let world = World::new(dns, web());
    let found = world.detect(ask(ANN)).await;
    let best = found.best().unwrap();
    assert_eq!((best.confidence, best.trusted), (Confidence::Low, false));
    assert!(
        best.because.contains("imap.evil.example belongs neither"),
        "{}",
        best.because
    );

    let dns = zone().srv("_imaps._tcp.firm.example", 0, 1, 993, "imap.hoster.example");
    let found = World::new(dns, web()).detect(ask(ANN)).await;
    let best = found.best().unwrap();
    assert_eq!((best.confidence, best.trusted), (Confidence::Medium, true));

    let dns = DnsScript::new().srv("_imaps._tcp.firm.example", 0, 1, 993, "imap.fastmail.com");
    let found = World::new(dns, web()).detect(ask(ANN)).await;
    let best = found.best().unwrap();
    assert!(best.trusted && best.provider_id.is_some(), "{best:#?}");
}

#[tokio::test]
async fn services_that_are_not_offered_are_told() {
    let dns = zone().srv("_imaps._tcp.firm.example", 0, 0, 0, ".").srv(
        "_submission._tcp.firm.example",
        0,
        0,
        0,
        ".",
    );
    let found = World::new(dns, web()).detect(ask(ANN)).await;
    assert!(found.best().is_none());
    let (outcome, detail) = outcome(&found, Source::Srv);
    assert_eq!(outcome, Outcome::Nothing);
    assert!(detail.contains("offers no mail"), "{detail}");
}

#[tokio::test]
async fn a_misspelt_domain_and_one_without_mail_are_named() {
    let found = World::new(DnsScript::new(), web()).detect(ask(ANN)).await;
    let (is, detail) = outcome(&found, Source::Mx);
    assert_eq!(is, Outcome::Nothing);
    assert!(detail.contains("does not exist"), "{detail}");
    let null = DnsScript::new().mx(DOMAIN, 0, ".");
    let found = World::new(null, web()).detect(ask(ANN)).await;
    assert!(outcome(&found, Source::Mx).1.contains("takes no mail"));
}

#[tokio::test]
async fn a_broken_name_server_is_a_failure_and_never_a_hang() {
    for fault in [
        DnsFault::ServFail,
        DnsFault::Refused,
        DnsFault::Silence,
        DnsFault::Nonsense,
    ] {
        let world = World::new(DnsScript::new().fault("example", fault), web());
        let found = world.detect(ask(ANN)).await;
        assert!(found.candidates.is_empty());
        for source in [Source::Mx, Source::Srv] {
            let (is, detail) = outcome(&found, source);
            assert_eq!(is, Outcome::Failed, "{fault:?} {source}: {detail}");
        }
    }
    let dns = zone()
        .srv("_imaps._tcp.firm.example", 0, 1, 993, "imap.firm.example")
        .fault(DOMAIN, DnsFault::OnlyTcp);
    let found = World::new(dns, web()).detect(ask(ANN)).await;
    assert_eq!(found.best().unwrap().source, Source::Srv);
}

#[tokio::test]
async fn the_domains_own_file_is_read_over_https() {
    let https = web().page("autoconfig.firm.example/mail/config-v1.1.xml", file(DOMAIN));
    let world = World::new(zone(), https);
    let found = world.detect(ask(ANN)).await;
    let best = found.best().unwrap();
    assert_eq!(
        (best.source, best.confidence),
        (Source::Autoconfig, Confidence::High)
    );
    assert_eq!(best.login_format, LoginFormat::LocalPart);
    assert_eq!(best.incoming.as_ref().unwrap().username, "ann");
    assert_eq!(best.outgoing.as_ref().unwrap().username, ANN);
    let requests = world.https.requests();
    assert!(
        requests.iter().any(|r| r.starts_with(
            "GET autoconfig.firm.example/mail/config-v1.1.xml?emailaddress=ann%40firm.example"
        )),
        "{requests:#?}"
    );
    for request in requests {
        let request = request.to_ascii_lowercase();
        assert!(
            !request.contains("authorization:") && !request.contains("cookie:"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_file_that_names_a_foreign_host_says_so() {
    let https = web().page(
        "firm.example/.well-known/autoconfig/mail/config-v1.1.xml",
        file("elsewhere.example"),
    );
    let found = World::new(zone(), https).detect(ask(ANN)).await;
    let best = found.best().unwrap();
    assert_eq!((best.confidence, best.trusted), (Confidence::Medium, true));
    assert!(best.because.contains("belongs neither"), "{}", best.because);
    // The file of the mail provider is found by way of DNS, which can be forged.
    for (host, trusted) in [("hoster.example", true), ("elsewhere.example", false)] {
        let dns = zone().address("autoconfig.hoster.example", "127.0.0.1");
        let https = web().page("autoconfig.hoster.example/mail/config-v1.1.xml", file(host));
        let found = World::new(dns, https).detect(ask(ANN)).await;
        assert_eq!(found.best().unwrap().trusted, trusted, "{host}");
    }
}

#[tokio::test]
async fn hostile_pages_are_refused_within_bounds() {
    let at = "autoconfig.firm.example/mail/config-v1.1.xml";
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><clientConfig>&b;</clientConfig>";
    let pages = [
        (Page::Large(10 * 1024 * 1024), "sent more than"),
        (Page::Body(bomb.into()), "document type"),
        (Page::Body("<a>".repeat(10_000).into_bytes()), "too deeply"),
        (Page::Redirect(format!("https://{at}")), "unusual port"),
        (
            Page::Redirect(format!(
                "https://autoconfig.firm.example:%PORT%/{}",
                "mail/config-v1.1.xml"
            )),
            "without end",
        ),
        (
            Page::Redirect("http://autoconfig.firm.example/x".into()),
            "https",
        ),
        (
            Page::Redirect("https://10.0.0.1:%PORT%/".into()),
            "not public",
        ),
        (
            Page::Redirect("https://inside.example:%PORT%/".into()),
            "not public",
        ),
        (
            Page::Redirect("https://[::ffff:169.254.169.254]:%PORT%/".into()),
            "not public",
        ),
        (Page::Redirect("file:///etc/passwd".into()), "https"),
        (Page::Drip, "did not answer within"),
        (Page::Stall, "did not answer within"),
    ];
    for (page, words) in pages {
        let dns = zone().address("inside.example", "192.168.1.1");
        let world = World::new(dns, web().page(at, page.clone()));
        let found = world.detect(ask(ANN)).await;
        assert!(found.best().is_none(), "{page:?}");
        let (is, detail) = outcome(&found, Source::Autoconfig);
        assert_eq!(is, Outcome::Failed, "{page:?}: {detail}");
        assert!(detail.contains(words), "{page:?}: {detail}");
        assert!(!detail.contains("ann"), "{detail}");
    }
}

#[tokio::test]
async fn a_name_that_is_rebound_never_leads_inside() {
    let dns = DnsScript::new()
        .mx(DOMAIN, 1, "mx.firm.example")
        .turns("autoconfig.firm.example", &["127.0.0.2", "127.0.0.1"])
        .turns("firm.example", &["127.0.0.2", "127.0.0.1"]);
    let https = web()
        .page("autoconfig.firm.example/mail/config-v1.1.xml", file(DOMAIN))
        .page(
            "firm.example/.well-known/autoconfig/mail/config-v1.1.xml",
            file(DOMAIN),
        );
    let world = World::allowing(dns, https, &["127.0.0.2"]);
    for _ in 0..2 {
        let found = world.detect(ask(ANN)).await;
        assert!(found.best().is_none(), "{found:#?}");
    }
    assert!(world.https.requests().is_empty());
    let asked = world.dns.queries();
    assert!(
        asked.contains(&"A autoconfig.firm.example".to_owned()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_is_no_file() {
    let https = HttpsScript::new(&["somebody.example"])
        .page("autoconfig.firm.example/mail/config-v1.1.xml", file(DOMAIN));
    let world = World::new(zone(), https);
    let found = world.detect(ask(ANN)).await;
    assert!(found.best().is_none());
    assert!(world.https.requests().is_empty());
}

#[tokio::test]
async fn exchange_is_recognised_without_credentials() {
    let negotiate = Page::Status(401, vec![("www-authenticate".into(), "Negotiate".into())]);
    let dns = zone().address("autodiscover.firm.example", "127.0.0.1");
    let https = web().page(
        "autodiscover.firm.example/autodiscover/autodiscover.xml",
        negotiate,
    );
    let world = World::new(dns, https);
    let found = world.detect(ask(ANN)).await;
    assert!(found.best().is_none());
    assert_eq!(found.candidates[0].source, Source::Exchange);
    assert!(
        found.preparation[0]
            .text
            .contains("Exchange server. Ask its administrator"),
        "{found:#?}"
    );
    assert!(
        !world
            .https
            .requests()
            .concat()
            .to_ascii_lowercase()
            .contains("authorization:")
    );

    // A filter takes the mail, Microsoft keeps it.
    let dns = DnsScript::new()
        .mx(DOMAIN, 1, "mx.filter.example")
        .cname("autodiscover.firm.example", "autodiscover.outlook.com");
    let found = World::new(dns, web()).detect(ask(ANN)).await;
    let best = found.best().unwrap();
    assert_eq!(best.source, Source::Exchange);
    assert_eq!(
        best.incoming.as_ref().unwrap().host,
        "outlook.office365.com"
    );
}

#[tokio::test]
async fn the_directory_is_asked_only_with_both_consents() {
    for (allowed, asked) in [(false, false), (true, false), (false, true), (true, true)] {
        let dns = zone().address("directory.example", "127.0.0.1");
        let https = web().page("directory.example/v1.1/firm.example", file(DOMAIN));
        let mut world = World::new(dns, https);
        world.options.directory = allowed;
        world.options.directory_url =
            format!("https://directory.example:{}/v1.1/", world.https.port());
        let request = DetectRequest {
            directory: asked,
            ..ask(ANN)
        };
        let found = world.detect(request).await;
        let told = world
            .https
            .requests()
            .iter()
            .any(|r| r.contains("directory.example"));
        assert_eq!(told, allowed && asked);
        assert_eq!(found.best().is_some(), allowed && asked);
        if allowed && asked {
            assert_eq!(found.best().unwrap().source, Source::Directory);
        } else {
            assert_eq!(outcome(&found, Source::Directory).0, Outcome::Skipped);
        }
    }
}

#[tokio::test]
async fn usual_names_are_the_last_resort_and_need_a_good_certificate() {
    let s = servers();
    let ports = ProbePorts {
        imaps: s.imaps_port,
        imap: s.imap_port,
        pop3s: s.pop3s_port,
        submissions: s.submissions_port,
        submission: s.submission_port,
    };
    // The test servers have a certificate for mail.test.local.
    let dns = DnsScript::new()
        .address("mail.test.local", "127.0.0.1")
        .address("imap.test.local", "127.0.0.1")
        .mx("test.local", 1, "mail.test.local");
    let mut world = World::new(dns, web());
    world.options.ports = ports;
    let found = world.detect(ask("ann@test.local")).await;
    let best = found.best().unwrap();
    assert_eq!(
        (best.source, best.confidence),
        (Source::Probe, Confidence::Low)
    );
    let incoming = best.incoming.as_ref().unwrap();
    assert_eq!(
        (incoming.host.as_str(), incoming.protocol),
        ("mail.test.local", Protocol::Imap)
    );
    assert!(
        best.alternatives
            .iter()
            .any(|a| a.protocol == Protocol::Pop3)
    );
    assert!(best.outgoing.is_some());

    let dns = DnsScript::new()
        .address("imap.firm.example", "127.0.0.1")
        .address("mail.firm.example", "127.0.0.1");
    let mut world = World::new(dns, web());
    world.options.ports = ports;
    assert!(world.detect(ask(ANN)).await.best().is_none());
}

#[tokio::test]
async fn domains_in_any_script_are_asked_for_in_ascii() {
    let dns = DnsScript::new().srv(
        "_imaps._tcp.xn--bcher-kva.example",
        0,
        1,
        993,
        "imap.xn--bcher-kva.example",
    );
    let world = World::new(dns, web());
    let found = world.detect(ask("ann@Bücher.example")).await;
    assert_eq!(found.domain, "xn--bcher-kva.example");
    assert_eq!(
        found.best().unwrap().incoming.as_ref().unwrap().username,
        "ann@Bücher.example"
    );
}

#[tokio::test]
async fn with_all_every_source_is_asked_even_where_the_table_knows() {
    let world = World::new(DnsScript::new(), web());
    let request = DetectRequest {
        all: true,
        ..ask("ann@gmail.com")
    };
    let found = world.detect(request).await;
    assert_eq!(found.best().unwrap().source, Source::ProviderTable);
    assert!(world.dns.queries().contains(&"MX gmail.com".to_owned()));
    assert_eq!(outcome(&found, Source::Probe).0, Outcome::Nothing);
}

#[tokio::test]
async fn a_slip_of_a_finger_is_offered_to_be_corrected_and_never_taken() {
    let world = World::new(DnsScript::new(), web());
    let found = world.detect(ask("mailto:Ann@gmial.com")).await;
    assert!(found.candidates.is_empty(), "{found:#?}");
    assert_eq!(found.address, "Ann@gmial.com");
    assert_eq!(found.normalised[0].pointer, "/address");
    let meant = found.suggestion.unwrap();
    assert_eq!(
        (meant.address.as_str(), meant.provider.as_str()),
        ("Ann@gmail.com", "Gmail")
    );
    // Where its owner names servers, it is a domain like others.
    let dns = DnsScript::new()
        .mx("gmial.com", 10, "mx.gmial.com")
        .srv("_imaps._tcp.gmial.com", 0, 1, 993, "imap.gmial.com")
        .srv("_submissions._tcp.gmial.com", 0, 1, 465, "smtp.gmial.com");
    let found = World::new(dns, web()).detect(ask("ann@gmial.com")).await;
    assert_eq!((found.best().is_some(), found.suggestion), (true, None));
    assert_eq!(
        world.detector().suggestion("ann@gmail").unwrap().address,
        "ann@gmail.com"
    );
}

#[tokio::test]
async fn a_domain_is_searched_once_for_all_its_addresses() {
    let dns = zone()
        .srv("_imaps._tcp.firm.example", 0, 1, 993, "imap.firm.example")
        .srv(
            "_submissions._tcp.firm.example",
            0,
            1,
            465,
            "smtp.firm.example",
        );
    let world = World::new(dns, web());
    let detector = world.detector();
    detector.detect(&ask(ANN)).await.unwrap();
    let asked = world.dns.queries().len();
    assert!(asked > 0);
    let bob = detector.detect(&ask("Bob@Firm.example")).await.unwrap();
    let incoming = bob.best().unwrap().incoming.clone().unwrap();
    assert_eq!(
        (incoming.host.as_str(), incoming.username.as_str()),
        ("imap.firm.example", "Bob@Firm.example")
    );
    assert_eq!(world.dns.queries().len(), asked);
    // Whoever wants every source asked gets that.
    let all = DetectRequest {
        all: true,
        ..ask(ANN)
    };
    detector.detect(&all).await.unwrap();
    assert!(world.dns.queries().len() > asked);
}

#[tokio::test]
async fn a_hundred_searches_at_once_end_within_the_limit() {
    let world = World::new(DnsScript::new().fault("example", DnsFault::Silence), web());
    let mut net = world.options.clone();
    net.limit = Duration::from_secs(2);
    let detector = Detector::new(
        world.net.clone(),
        Providers::new(None),
        Clock::system(),
        net,
    )
    .unwrap();
    let began = Instant::now();
    let requests: Vec<_> = (0..100)
        .map(|n| ask(&format!("ann@firm{n}.example")))
        .collect();
    let searches = requests.iter().map(|request| detector.detect(request));
    let found = futures_util::future::join_all(searches).await;
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    for found in found {
        assert_eq!(found.unwrap().searched.len(), Source::ALL.len());
    }
}
