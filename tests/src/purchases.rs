//! Purchases and their archive, as tests use them.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{App, RequestBuilder, body, eventually};

/// A user of a tenant.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// The application.
    pub app: &'a App,
    /// The user.
    pub user: &'static str,
    /// The tenant.
    pub tenant: &'static str,
    /// The user's roles.
    pub roles: &'static [&'static str],
}

impl Member<'_> {
    /// A request of the user.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let token = self.app.tenant_token(self.user, self.tenant, self.roles);
        self.app.request(method, path).bearer_auth(token)
    }

    /// A `GET` of the user.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// Creates a purchase.
    pub async fn post(&self, purchase: &Value) -> Response {
        let request = self.request(Method::POST, "/compras").json(purchase);
        request.send().await.unwrap()
    }

    /// Changes a purchase.
    pub async fn put(&self, id: &str, purchase: &Value) -> Response {
        let request = self.request(Method::PUT, &format!("/compras/{id}"));
        request.json(purchase).send().await.unwrap()
    }

    /// Removes a purchase. `query` is empty or begins with `?`.
    pub async fn delete(&self, id: &str, query: &str) -> Response {
        let request = self.request(Method::DELETE, &format!("/compras/{id}{query}"));
        request.send().await.unwrap()
    }

    /// The report of the tenant.
    pub async fn report(&self, query: &str) -> Value {
        body(self.get(&format!("/compras/report?{query}")).await, 200).await
    }
}

/// A purchase of one line, made on 13 July 2025.
pub fn purchase(id: &str, code: &str, price: &str, quantity: &str) -> Value {
    let line = json!({"codigo": code, "nombre": format!("Producto {code}"),
        "precio_unitario": price, "cantidad": quantity});
    json!({"compra_id": id, "fecha": "2025-07-13 10:30:00", "productos": [line]})
}

impl App {
    /// A user of a tenant.
    pub fn member(
        &self,
        user: &'static str,
        tenant: &'static str,
        roles: &'static [&'static str],
    ) -> Member<'_> {
        Member {
            app: self,
            user,
            tenant,
            roles,
        }
    }

    /// Posts records of a stream.
    pub async fn stream(&self, records: &Value) -> Response {
        let request = self.request(Method::POST, "/compras/stream");
        let request = request.bearer_auth(self.stack.stream_token());
        request.json(records).send().await.unwrap()
    }

    /// The objects of the bucket of the archive whose keys start with a prefix.
    pub fn archive(&self, prefix: &str) -> BTreeMap<String, String> {
        let root = self.stack.data_dir().join("s3/buckets/compras");
        let mut objects = BTreeMap::new();
        collect(&root, &root, &mut objects);
        objects.retain(|key, _| key.starts_with(prefix));
        objects
    }

    /// Waits until all changes of purchases are archived.
    pub async fn archived(&self) {
        eventually("all changes are archived", || async {
            let queue = self.queue("compras").await;
            let waiting = ["depth", "inFlight", "delayed", "held"];
            waiting.iter().all(|state| queue[state] == 0).then_some(())
        })
        .await;
    }
}

fn collect(root: &Path, dir: &Path, objects: &mut BTreeMap<String, String>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, objects);
        } else {
            let key = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            // The object may be removed meanwhile.
            if let Ok(content) = std::fs::read_to_string(&path) {
                objects.insert(key, content);
            }
        }
    }
}
