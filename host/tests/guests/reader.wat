;; A dependency that reads a variable: 243 when it may.
(module
  (import "fermyon:spin/variables@2.0.0" "get" (func $variable (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "greeting")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "orilla:guests/answers#answer") (result i32)
    (call $variable (i32.const 64) (i32.const 8) (i32.const 0))
    (i32.add (i32.const 243) (i32.load8_u (i32.const 0)))))
