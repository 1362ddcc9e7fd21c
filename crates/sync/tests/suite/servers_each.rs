//! The same scenario on each real server: Dovecot with all extensions, Cyrus, and Courier with hardly any.
//! What a server lacks costs more commands and changes no outcome.

/// Makes a test of each of these functions for each server; the module's name says which.
macro_rules! on_each_server {
    ($($test:ident),+ $(,)?) => {
        mod dovecot {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(testkit::Brand::Dovecot).await;
            })+
        }
        mod cyrus {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(testkit::Brand::Cyrus).await;
            })+
        }
        mod courier {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(testkit::Brand::Courier).await;
            })+
        }
    };
}
