;; A guest that remembers its last call. It answers with the status 201 to its first one, and
;; to later ones with 400 and the ASCII number of the first letter of the last path. That
;; letter also says what it does:
;;   /c  answers with 200 and the number of its calls
;;   /t  traps after its answer
;;   /k  keeps the request's handle
;;   /m  takes 9 MiB of memory
(module
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-request.path-with-query"
    (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[resource-drop]incoming-request"
    (func $drop_request (param i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response"
    (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.set-status-code"
    (func $set_status (param i32 i32) (result i32)))

  (memory (export "memory") 1)
  (global $last (mut i32) (i32.const 0))
  (global $calls (mut i32) (i32.const 0))

  ;; The only value that is allocated is a path.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $in i32) (param $out i32)
    (local $letter i32) (local $code i32) (local $response i32)
    (call $path (local.get $in) (i32.const 0))
    (local.set $letter (i32.load8_u (i32.add (i32.load (i32.const 4)) (i32.const 1))))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.set $code (i32.const 201))
    (if (global.get $last)
      (then (local.set $code (i32.add (i32.const 400) (global.get $last)))))
    (if (i32.eq (local.get $letter) (i32.const 99)) ;; c
      (then (local.set $code (i32.add (i32.const 200) (global.get $calls)))))
    (global.set $last (local.get $letter))
    (if (i32.ne (local.get $letter) (i32.const 107)) ;; k
      (then (call $drop_request (local.get $in))))
    (if (i32.eq (local.get $letter) (i32.const 109)) ;; m
      (then (drop (memory.grow (i32.const 144)))))
    (local.set $response (call $response (call $fields)))
    (drop (call $set_status (local.get $response) (local.get $code)))
    (call $set (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.eq (local.get $letter) (i32.const 116)) ;; t
      (then (unreachable)))))
