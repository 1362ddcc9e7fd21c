//! The one door to detection: settings for an address, found by the detector or, in tests, by a stand-in. What they mean for
//! a mailbox whose settings were left out: [`crate::detection`].

use connect::detect::{AddressError, DetectRequest, Detector};
use futures_util::future::BoxFuture;
use model::detection::{Detection, Suggestion};

/// Finds settings for addresses.
pub trait Detect: Send + Sync {
    /// What can be answered without a network, if anything.
    ///
    /// # Errors
    /// It is no address.
    fn at_once(&self, request: &DetectRequest) -> Result<Option<Detection>, AddressError>;

    /// Searches.
    fn detect(&self, request: DetectRequest)
    -> BoxFuture<'static, Result<Detection, AddressError>>;

    /// The address that was probably meant by one whose domain cannot exist.
    fn suggestion(&self, _address: &str) -> Option<Suggestion> {
        None
    }
}

impl Detect for Detector {
    fn at_once(&self, request: &DetectRequest) -> Result<Option<Detection>, AddressError> {
        Self::at_once(self, request)
    }

    fn detect(
        &self,
        request: DetectRequest,
    ) -> BoxFuture<'static, Result<Detection, AddressError>> {
        let detector = self.clone();
        Box::pin(async move { Self::detect(&detector, &request).await })
    }

    fn suggestion(&self, address: &str) -> Option<Suggestion> {
        Self::suggestion(self, address)
    }
}
