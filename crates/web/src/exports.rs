//! The export of a component.

/// Writes the export of a component that answers requests by these routes: the arguments
/// are [`Route`](crate::Route)s. The component's crate depends on `spin-sdk`.
#[macro_export]
macro_rules! exports {
    ($($route:expr),+ $(,)?) => {
        #[::spin_sdk::http_component]
        async fn handle(
            request: ::spin_sdk::http::IncomingRequest,
            out: ::spin_sdk::http::ResponseOutparam,
        ) {
            $crate::serve(request, out, [$($route),+]).await;
        }
    };
}
