//! The body of `POST /compras` and `PUT /compras/{compra_id}`.

use base::{Fields, Invalid};
use serde_json::value::RawValue;

use crate::content::Members;
use crate::{Content, Decimal, Fecha, Product, PurchaseId};

/// The max lines of a purchase.
const MAX_PRODUCTS: usize = 500;
/// The max bytes of a code and of a name, in UTF-8.
const MAX_TEXT: usize = 512;
/// The max bytes of all other fields of a purchase and its products together, as JSON.
const MAX_OTHERS: usize = 64 * 1024;

/// Members that answers have and that requests cannot set: a client may send an answer back.
const ANSWERED: [&str; 8] = [
    "user_id",
    "tenant_id",
    "resumen",
    "metadata",
    "version",
    "created_at",
    "updated_at",
    "updated_by",
];

/// The wanted purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseRequest {
    /// Its id, if the client gives one.
    pub compra_id: Option<PurchaseId>,
    /// When it was made; the time of the request if the client does not say.
    pub fecha: Option<Fecha>,
    /// The bought products.
    pub productos: Vec<Product>,
    /// All other fields, as they came.
    pub otros: Fields,
}

impl PurchaseRequest {
    /// Reads a request's body. `path_id` is the id in the path; with it, the body may
    /// leave out `compra_id`. The crate `web` has refused repeated names.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn parse(body: &[u8], path_id: Option<&PurchaseId>) -> Result<Self, Invalid> {
        let members: Fields = serde_json::from_slice(body)
            .map_err(|_| Invalid::json("the body must be a JSON object"))?;
        let mut request = Self {
            compra_id: path_id.cloned(),
            fecha: None,
            productos: Vec::new(),
            otros: Fields::default(),
        };
        let mut has_products = false;
        let mut others = Vec::new();
        for (name, value) in members {
            let is_null = value.get() == "null";
            match &*name {
                "compra_id" | "fecha" if is_null => {}
                "compra_id" => request.compra_id = Some(id(&value, path_id)?),
                "fecha" => request.fecha = Some(fecha(&value)?),
                "productos" => {
                    has_products = true;
                    request.productos = productos(&value)?;
                }
                name if ANSWERED.contains(&name) => {}
                _ => others.push((name, value)),
            }
        }
        if !has_products {
            return Err(Invalid::new(
                "missing_field",
                "productos is missing: send an array of 1 to 500 products",
            ));
        }
        request.otros = others.into_iter().collect();
        let lines = request.productos.iter().map(|line| size(&line.otros));
        let size = size(&request.otros) + lines.sum::<usize>();
        if size > MAX_OTHERS {
            let problem = format!("may have at most {MAX_OTHERS} bytes, and have {size}");
            return Err(wrong("all other fields together", problem));
        }
        Ok(request)
    }

    /// The content of the purchase. `fecha` is `now` if the request has none.
    pub(crate) fn content(&self, now: Fecha) -> Content {
        Content {
            fecha: self.fecha.unwrap_or(now),
            productos: self.productos.clone(),
            otros: self.otros.clone(),
        }
    }

    /// Whether a purchase has this content already.
    pub(crate) fn agrees_with(&self, content: &Content) -> bool {
        self.content(content.fecha) == *content
    }
}

fn wrong(name: &str, problem: impl std::fmt::Display) -> Invalid {
    Invalid::field(format!("{name} {problem}"))
}

fn id(value: &RawValue, path_id: Option<&PurchaseId>) -> Result<PurchaseId, Invalid> {
    let id: PurchaseId = serde_json::from_slice(value.get().as_bytes())
        .map_err(|_| wrong("compra_id", base::IdError))?;
    // These are routes of their own.
    if matches!(id.as_str(), "report" | "stream") {
        return Err(wrong(
            "compra_id",
            "must not be `report` or `stream`: choose another id",
        ));
    }
    match path_id {
        Some(path_id) if *path_id != id => Err(Invalid::new(
            "compra_id_mismatch",
            format!(
                "compra_id is {id}, and the path says {path_id}; make them the same, or leave compra_id out"
            ),
        )),
        _ => Ok(id),
    }
}

fn fecha(value: &RawValue) -> Result<Fecha, Invalid> {
    let text: String = string("fecha", value)?;
    text.parse().map_err(|error| wrong("fecha", error))
}

fn productos(value: &RawValue) -> Result<Vec<Product>, Invalid> {
    let lines: Vec<Fields> = serde_json::from_slice(value.get().as_bytes())
        .map_err(|_| wrong("productos", "must be an array of objects"))?;
    if !(1..=MAX_PRODUCTS).contains(&lines.len()) {
        let problem = format!(
            "must have 1 to {MAX_PRODUCTS} products, and has {}",
            lines.len()
        );
        return Err(wrong("productos", problem));
    }
    let lines = lines.into_iter().enumerate();
    lines
        .map(|(nth, line)| product(&format!("productos[{nth}]"), line.into()))
        .collect()
}

fn product(place: &str, members: Members) -> Result<Product, Invalid> {
    let missing = |name| Invalid::new("missing_field", format!("{place}.{name} is missing"));
    let words = |name, raw: Option<Box<RawValue>>| {
        let raw = raw.ok_or_else(|| missing(name))?;
        text(&format!("{place}.{name}"), &raw)
    };
    let amount = |name, raw: Option<Box<RawValue>>| {
        let raw = raw.ok_or_else(|| missing(name))?;
        Decimal::read(&raw).map_err(|problem| wrong(&format!("{place}.{name}"), problem))
    };
    let codigo = words("codigo", members.codigo)?;
    if codigo.is_empty() {
        return Err(missing("codigo"));
    }
    Ok(Product {
        codigo,
        nombre: words("nombre", members.nombre)?,
        precio_unitario: amount("precio_unitario", members.precio_unitario)?,
        cantidad: amount("cantidad", members.cantidad)?,
        otros: members.otros,
    })
}

/// The bytes of other fields, as JSON.
fn size(others: &Fields) -> usize {
    let members = others.iter();
    members
        .map(|(name, value)| name.len() + value.get().len())
        .sum()
}

fn string(name: &str, value: &RawValue) -> Result<String, Invalid> {
    serde_json::from_slice(value.get().as_bytes())
        .map_err(|_| wrong(name, "must be a string of Unicode text"))
}

fn text(name: &str, value: &RawValue) -> Result<String, Invalid> {
    let text = string(name, value)?;
    if text.len() > MAX_TEXT {
        let problem = format!("may have at most {MAX_TEXT} bytes, and has {}", text.len());
        return Err(wrong(name, problem));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: &Value) -> Result<PurchaseRequest, Invalid> {
        PurchaseRequest::parse(body.to_string().as_bytes(), None)
    }

    fn line() -> Value {
        json!({"codigo": "P", "nombre": "Pan", "precio_unitario": 1.5, "cantidad": "2.0"})
    }

    #[test]
    fn a_purchase_is_read_with_all_that_it_has() {
        let body = br#"{"compra_id": "a", "fecha": "2025-07-13", "nota": {"x": 1.10},
            "productos": [{"codigo": "P", "nombre": "", "precio_unitario": 1.50, "cantidad": "2.0", "iva": 0.1}],
            "user_id": "other", "version": 7}"#;
        let request = PurchaseRequest::parse(body, None).unwrap();
        assert_eq!(request.compra_id.as_ref().unwrap().as_str(), "a");
        assert_eq!(request.fecha.unwrap().to_string(), "2025-07-13 00:00:00");
        assert_eq!(
            serde_json::to_string(&request.otros).unwrap(),
            r#"{"nota":{"x":1.10}}"#
        );
        assert_eq!(
            serde_json::to_string(&request.productos).unwrap(),
            r#"[{"codigo":"P","nombre":"","precio_unitario":1.50,"cantidad":2.0,"otros":{"iva":0.1}}]"#
        );
        let now = Fecha::from_millis(0);
        assert!(request.agrees_with(&request.content(now)));
    }

    #[test]
    fn each_mistake_is_told_with_its_place() {
        let with = |name: &str, value: Value| {
            let mut line = line();
            line[name] = value;
            json!({"productos": [super::tests::line(), line]})
        };
        for (body, told) in [
            (json!([]), "must be a JSON object"),
            (json!({}), "productos is missing"),
            (json!({"productos": []}), "1 to 500 products"),
            (json!({"productos": [1]}), "array of objects"),
            (json!({"productos": vec![line(); 501]}), "and has 501"),
            (
                with("precio_unitario", json!("caro")),
                "productos[1].precio_unitario must be",
            ),
            (
                with("cantidad", json!(null)),
                "productos[1].cantidad must be a number",
            ),
            (with("codigo", json!("")), "productos[1].codigo is missing"),
            (
                with("nombre", json!(7)),
                "productos[1].nombre must be a string",
            ),
            (with("nombre", json!("x".repeat(513))), "at most 512 bytes"),
            (
                with("nota", json!("x".repeat(65_536))),
                "all other fields together",
            ),
            (
                json!({"productos": [line()], "nota": "x".repeat(65_536)}),
                "at most 65536 bytes",
            ),
            (
                json!({"productos": [line()], "fecha": "ayer"}),
                "fecha must be",
            ),
            (
                json!({"productos": [line()], "compra_id": "a b"}),
                "compra_id must be",
            ),
            (
                json!({"productos": [line()], "compra_id": "report"}),
                "choose another id",
            ),
        ] {
            let error = parse(&body).unwrap_err();
            assert!(error.message.contains(told), "{told}: {error:?}");
        }
        let body = json!({"productos": [line()], "compra_id": "a"}).to_string();
        let path = "b".parse().unwrap();
        let error = PurchaseRequest::parse(body.as_bytes(), Some(&path)).unwrap_err();
        assert_eq!(error.code, "compra_id_mismatch");
    }
}
