//! `fermyon:spin/variables`: the component's own variables.

use crate::bindings::platform::fermyon::spin::variables::{Error, Host};
use crate::guest::Guest;
use crate::template::check_name;

impl Host for Guest {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<String, Error>> {
        if let Err(reason) = check_name(&name) {
            return Ok(Err(Error::InvalidName(reason)));
        }
        let context = self.context();
        Ok(context.variables.get(&name).cloned().ok_or_else(|| {
            Error::Undefined(format!(
                "[component.{}.variables] has no `{name}`",
                context.name
            ))
        }))
    }
}
