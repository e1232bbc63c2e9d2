//! Rust bindings of the interfaces in `wit/`.

/// Imports that the host answers: `fermyon:spin@2.0.0`.
#[allow(missing_docs, clippy::all, clippy::restriction)]
pub mod platform {
    wasmtime::component::bindgen!({
        path: "wit/platform",
        world: "platform",
        imports: {
            // These imports wait for nothing, and each call is cheaper without a future.
            "fermyon:spin/key-value.[drop]store": trappable,
            "fermyon:spin/key-value.[static]store.open": trappable,
            "fermyon:spin/redis.[drop]connection": trappable,
            "fermyon:spin/variables.get": trappable,
            default: async | trappable,
        },
        with: {
            "fermyon:spin/key-value.store": crate::factors::key_value::Store,
            "fermyon:spin/redis.connection": crate::factors::redis::Connection,
        },
    });
}

/// The export that the Redis trigger calls: `fermyon:spin/inbound-redis`.
#[allow(missing_docs, clippy::all, clippy::restriction)]
pub mod redis_handler {
    wasmtime::component::bindgen!({
        path: "wit/inbound-redis",
        world: "redis-handler",
        exports: { default: async },
    });
}
