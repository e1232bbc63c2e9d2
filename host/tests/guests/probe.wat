;; A guest that does what the first letter of the path says:
;;   /t  traps                       /l  loops forever
;;   /m  takes memory until it gets no more, then traps
;;   /n  returns without a response  /e  echoes the body as it comes
;;   /p  prints the path             /v  prints the variable `greeting`
;;   /b  reads the body, and answers 400 if it breaks off
;;   /s  sleeps for a second
;;   /kLABEL  prints the key `k` of a store and sets it to the path
;;   /oHOST   calls http://HOST/ and answers with its status
;; Other paths, and those that print, answer 200 with the request's headers.
;; Where a call fails the status is 700 and the number of the error.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[method]fields.clone" (func $clone (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-request.path-with-query"
    (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-request.headers"
    (func $headers (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-request.consume"
    (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-body.stream"
    (func $in_stream (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response"
    (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.set-status-code"
    (func $set_status (param i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body"
    (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write"
    (func $out_stream (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish"
    (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-request"
    (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-scheme"
    (func $set_scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority"
    (func $set_authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query"
    (func $set_path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe"
    (func $subscribe (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.get"
    (func $get (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-response.status"
    (func $status (param i32) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.0" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-splice"
    (func $splice (param i32 i32 i64 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read"
    (func $read (param i32 i64 i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
    (func $timer (param i64) (result i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop_out (param i32)))
  (import "fermyon:spin/variables@2.0.0" "get" (func $variable (param i32 i32 i32)))
  (import "fermyon:spin/key-value@2.0.0" "[static]store.open" (func $open (param i32 i32 i32)))
  (import "fermyon:spin/key-value@2.0.0" "[method]store.get"
    (func $kv_get (param i32 i32 i32 i32)))
  (import "fermyon:spin/key-value@2.0.0" "[method]store.set"
    (func $kv_set (param i32 i32 i32 i32 i32 i32)))

  (memory (export "memory") 8)
  (data (i32.const 512) "greeting")
  (data (i32.const 528) "k")
  (data (i32.const 532) "\n")
  (data (i32.const 536) "/")
  (global $heap (mut i32) (i32.const 65536))

  ;; Results are returned at 0, and what is written is described at 600.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get 2) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get 2))))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  ;; One write takes one piece: the adapter writes the first and says so.
  (func $write (param $at i32) (param $length i32)
    (i32.store (i32.const 600) (local.get $at))
    (i32.store (i32.const 604) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 600) (i32.const 1) (i32.const 616))))

  (func $print (param $at i32) (param $length i32)
    (call $write (local.get $at) (local.get $length))
    (call $write (i32.const 532) (i32.const 1)))

  (func $respond (param $out i32) (param $fields i32) (param $code i32)
    (local $response i32)
    (local.set $response (call $response (local.get $fields)))
    (drop (call $set_status (local.get $response) (local.get $code)))
    (call $set (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))

  (func $echo (param $in i32) (param $out i32)
    (local $response i32) (local $body i32) (local $from i32) (local $to i32)
    (local.set $response (call $response (call $fields)))
    (call $body (local.get $response) (i32.const 0))
    (local.set $body (i32.load (i32.const 4)))
    (call $set (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $consume (local.get $in) (i32.const 0))
    (call $in_stream (i32.load (i32.const 4)) (i32.const 0))
    (local.set $from (i32.load (i32.const 4)))
    (call $out_stream (local.get $body) (i32.const 0))
    (local.set $to (i32.load (i32.const 4)))
    (loop $more
      (call $splice (local.get $to) (local.get $from) (i64.const 65536) (i32.const 0))
      (br_if $more (i32.eqz (i32.load8_u (i32.const 0)))))
    (call $drop_out (local.get $to))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0)))

  (func $read_all (param $in i32) (result i32)
    (local $from i32)
    (call $consume (local.get $in) (i32.const 0))
    (call $in_stream (i32.load (i32.const 4)) (i32.const 0))
    (local.set $from (i32.load (i32.const 4)))
    (loop $more
      ;; Nothing that was allocated is needed any more.
      (global.set $heap (i32.const 65536))
      (call $read (local.get $from) (i64.const 65536) (i32.const 0))
      (br_if $more (i32.eqz (i32.load8_u (i32.const 0)))))
    (if (i32.load8_u (i32.const 4)) (then (return (i32.const 200))))
    (i32.const 400))

  (func $call (param $host i32) (param $length i32) (result i32)
    (local $request i32) (local $future i32)
    (local.set $request (call $request (call $fields)))
    (drop (call $set_scheme (local.get $request)
      (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $set_authority (local.get $request)
      (i32.const 1) (local.get $host) (local.get $length)))
    (drop (call $set_path (local.get $request)
      (i32.const 1) (i32.const 536) (i32.const 1)))
    (call $send (local.get $request) (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.load8_u (i32.const 0))
      (then (return (i32.add (i32.const 700) (i32.load8_u (i32.const 8))))))
    (local.set $future (i32.load (i32.const 8)))
    (call $block (call $subscribe (local.get $future)))
    (call $get (local.get $future) (i32.const 0))
    (if (i32.load8_u (i32.const 16))
      (then (return (i32.add (i32.const 700) (i32.load8_u (i32.const 24))))))
    (call $status (i32.load (i32.const 24))))

  (func $remember (param $path i32) (param $length i32) (result i32)
    (local $store i32)
    (call $open (i32.add (local.get $path) (i32.const 2))
      (i32.sub (local.get $length) (i32.const 2)) (i32.const 0))
    (if (i32.load8_u (i32.const 0))
      (then (return (i32.add (i32.const 700) (i32.load8_u (i32.const 4))))))
    (local.set $store (i32.load (i32.const 4)))
    (call $kv_get (local.get $store) (i32.const 528) (i32.const 1) (i32.const 0))
    (if (i32.load8_u (i32.const 4))
      (then (call $print (i32.load (i32.const 8)) (i32.load (i32.const 12)))))
    (call $kv_set (local.get $store) (i32.const 528) (i32.const 1)
      (local.get $path) (local.get $length) (i32.const 0))
    (if (i32.load8_u (i32.const 0))
      (then (return (i32.add (i32.const 700) (i32.load8_u (i32.const 4))))))
    (i32.const 200))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $in i32) (param $out i32)
    (local $path i32) (local $length i32) (local $letter i32) (local $code i32)
    (local.set $code (i32.const 200))
    (call $path (local.get $in) (i32.const 0))
    (local.set $path (i32.load (i32.const 4)))
    (local.set $length (i32.load (i32.const 8)))
    (local.set $letter (i32.load8_u (i32.add (local.get $path) (i32.const 1))))
    (if (i32.eq (local.get $letter) (i32.const 116)) ;; t
      (then (unreachable)))
    (if (i32.eq (local.get $letter) (i32.const 108)) ;; l
      (then (loop $forever (br $forever))))
    (if (i32.eq (local.get $letter) (i32.const 109)) ;; m
      (then
        (loop $more
          (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
        (unreachable)))
    (if (i32.eq (local.get $letter) (i32.const 110)) ;; n
      (then (return)))
    (if (i32.eq (local.get $letter) (i32.const 101)) ;; e
      (then (call $echo (local.get $in) (local.get $out)) (return)))
    (if (i32.eq (local.get $letter) (i32.const 98)) ;; b
      (then (local.set $code (call $read_all (local.get $in)))))
    (if (i32.eq (local.get $letter) (i32.const 115)) ;; s
      (then (call $block (call $timer (i64.const 1000000000)))))
    (if (i32.eq (local.get $letter) (i32.const 112)) ;; p
      (then (call $print (local.get $path) (local.get $length))))
    (if (i32.eq (local.get $letter) (i32.const 118)) ;; v
      (then
        (call $variable (i32.const 512) (i32.const 8) (i32.const 0))
        (call $print (i32.load (i32.const 4)) (i32.load (i32.const 8)))))
    (if (i32.eq (local.get $letter) (i32.const 107)) ;; k
      (then (local.set $code (call $remember (local.get $path) (local.get $length)))))
    (if (i32.eq (local.get $letter) (i32.const 111)) ;; o
      (then (local.set $code (call $call
        (i32.add (local.get $path) (i32.const 2))
        (i32.sub (local.get $length) (i32.const 2))))))
    (call $respond (local.get $out)
      (call $clone (call $headers (local.get $in))) (local.get $code)))

  ;; Prints the message; an empty one makes it trap.
  (func (export "fermyon:spin/inbound-redis#handle-message")
    (param $at i32) (param $length i32) (result i32)
    (if (i32.eqz (local.get $length)) (then (unreachable)))
    (call $print (local.get $at) (local.get $length))
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.const 0)))
