# Reads one JSON text and prints what it holds: a path, a tab and the value, one line for each string, number or word.
# Names and indexes in a path are joined by dots. With -v want=REGEX only values whose path matches are printed,
# without path, as they are (a string that holds several lines prints several lines).
# All escapes of RFC 8259 are decoded, to UTF-8. A text that isn't JSON: a message and exit status 1.

{ text = text $0 "\n" }

function fail(what) {
  print "json: " what " at character " at > "/dev/stderr"
  exit 1
}

function skip_space() {
  if (match(substr(text, at), /^[ \t\r\n]+/)) at += RLENGTH
}

function next_is(character) {
  skip_space()
  if (substr(text, at, 1) != character) return 0
  at++
  return 1
}

function expect(character) {
  if (!next_is(character)) fail("expected " character)
}

function hexadecimal(digits,    i, n) {
  for (i = 1; i <= length(digits); i++)
    n = n * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
  return n
}

function utf8(code) {
  if (code < 128) return sprintf("%c", code)
  if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
  if (code < 65536) return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
  return sprintf("%c%c%c%c", 240 + int(code / 262144), 128 + int(code / 4096) % 64, 128 + int(code / 64) % 64, 128 + code % 64)
}

# The four digits after \u; a high surrogate takes the \uXXXX behind it along. NUL can't be in a value here.
function unicode(    code, low) {
  code = hexadecimal(substr(text, at, 4))
  at += 4
  if (code >= 55296 && code < 56320 && substr(text, at, 2) == "\\u") {
    low = hexadecimal(substr(text, at + 2, 4))
    if (low >= 56320 && low < 57344) {
      at += 6
      code = 65536 + (code - 55296) * 1024 + low - 56320
    }
  }
  return code == 0 ? "" : utf8(code)
}

function escaped(    character) {
  character = substr(text, at++, 1)
  if (character == "u") return unicode()
  if (character == "n") return "\n"
  if (character == "t") return "\t"
  if (character == "r") return "\r"
  if (character == "b") return "\b"
  if (character == "f") return "\f"
  return character
}

# `at` stands behind the opening quote, and behind the closing one at the end.
function string(    rest, out, mark) {
  for (;;) {
    rest = substr(text, at)
    if (!match(rest, /["\\]/)) fail("string without end")
    out = out substr(rest, 1, RSTART - 1)
    mark = substr(rest, RSTART, 1)
    at += RSTART
    if (mark == "\"") return out
    out = out escaped()
  }
}

function report(path, found) {
  if (want != "") {
    if (path ~ want) print found
    return
  }
  gsub(/[\t\n\r]/, " ", path)
  gsub(/[\t\n\r]/, " ", found)
  print path "\t" found
}

function object(path,    name) {
  if (next_is("}")) return
  do {
    expect("\"")
    name = string()
    expect(":")
    value(path == "" ? name : path "." name)
  } while (next_is(","))
  expect("}")
}

function array(path,    i) {
  if (next_is("]")) return
  do {
    value(path == "" ? i + 0 : path "." (i + 0))
    i++
  } while (next_is(","))
  expect("]")
}

function value(path) {
  if (next_is("{")) object(path)
  else if (next_is("[")) array(path)
  else if (next_is("\"")) report(path, string())
  else if (match(substr(text, at), /^(true|false|-?[0-9][-+.0-9eE]*)/)) {
    report(path, substr(text, at, RLENGTH))
    at += RLENGTH
  } else if (substr(text, at, 4) == "null") at += 4
  else fail("expected a value")
}

END {
  at = 1
  value("")
  skip_space()
  if (at <= length(text)) fail("more text behind the value")
}
