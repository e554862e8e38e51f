// Files made to mislead a reader, one kind after the other: each is refused with a message that names the file, the
// place and what was expected, and costs no more memory than the file is large.

#include "TestUtils.h"
#include "moru/DSL/Config.h"
#include "moru/Data/Checkpoint.h"
#include "moru/Data/Corpus.h"
#include "moru/Data/Npy.h"
#include "moru/Support/Hash.h"
#include "moru/Support/Json.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace llvm;
using namespace moru;
using namespace moru::test;

namespace {

/// What reads a file, and the message with which it refuses it ("" if it does not).
using Reader = std::string (*)(const std::string &path);

std::string readTensors(const std::string &path) { return messageOf(readSafetensors(path)); }
std::string readArray(const std::string &path) { return messageOf(readNpy(path)); }
std::string readArchive(const std::string &path) { return messageOf(readNpz(path)); }
std::string readVocabulary(const std::string &path) { return messageOf(loadTokenizer(path)); }
std::string readConfig(const std::string &path) {
  Expected<std::string> text = readFile(path);
  return text ? Config::parse(*text, path).message() : toString(text.takeError());
}
std::string readPlainText(const std::string &path) { return messageOf(readText(path)); }
std::string readCheckpoint(const std::string &path) { return messageOf(loadCheckpoint(path)); }

/// One kind of file: its contents, and what the message must say besides the path.
struct Kind {
  const char *name;
  std::string contents;
  const char *message;
};

std::string number(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i, value >>= 8)
    text += char(value & 255);
  return text;
}

std::string times(StringRef text, size_t count) {
  std::string result;
  while (count--)
    result += text;
  return result;
}

class HostileFiles : public FolderTest {
protected:
  /// Without waiting for the disk: there are many.
  std::string put(StringRef name, StringRef contents) const {
    std::error_code reason;
    raw_fd_ostream(at(name), reason) << contents;
    EXPECT_FALSE(reason) << reason.message();
    return at(name);
  }

  void check(Reader read, ArrayRef<Kind> kinds) {
    for (const Kind &kind : kinds) {
      std::string path = put("file", kind.contents), message = read(path);
      EXPECT_TRUE(contains(message, path)) << kind.name << ": " << message;
      EXPECT_TRUE(contains(message, kind.message)) << kind.name << ": " << message;
    }
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// safetensors
//===----------------------------------------------------------------------===//

static std::string tensors(const std::string &header, size_t bytes) {
  return number(header.size(), 8) + header + std::string(bytes, '\0');
}

/// A header with one tensor of 4 bytes, some of its text replaced.
static std::string oneTensor(StringRef from, StringRef to, size_t bytes = 4) {
  std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  size_t place = header.find(from);
  EXPECT_NE(place, std::string::npos) << from.str();
  header.replace(place, from.size(), to);
  return tensors(header, bytes);
}

/// Two tensors of 4 bytes with the given offsets of the second.
static std::string twoTensors(StringRef offsets, size_t bytes, StringRef name = "b") {
  return tensors((R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},")" + name +
                  R"(":{"dtype":"F32","shape":[1],"data_offsets":)" + offsets + "}}")
                     .str(),
                 bytes);
}

TEST_F(HostileFiles, Safetensors) {
  const Kind kinds[] = {
      {"empty", "", "byte 0: expected a safetensors file of at least 8 bytes, got 0"},
      {"shorter than its length", std::string(7, '\0'), "at least 8 bytes, got 7"},
      {"header beyond the file", number(1000, 8) + "{}", "byte 0: expected 1000 bytes of header, got 2"},
      {"header of 2^63 bytes", number(uint64_t(1) << 63, 8) + "{}",
       "byte 0: expected a header of at most 100000000 bytes"},
      {"header of 2^64-1 bytes", number(UINT64_MAX, 8) + "{}", "got 18446744073709551615"},
      {"header of no bytes", number(0, 8), "byte 8: expected '{' at the start of the header, got the end"},
      {"header that is an array", tensors("[]", 0), "byte 8: expected '{' at the start of the header, got '['"},
      {"offset beyond the file", oneTensor("[0,4]", "[0,8]"), "expected an offset of at most 4, got a larger number"},
      {"offset beyond 64 bits", oneTensor("[0,4]", "[0,99999999999999999999]"), "got a larger number"},
      {"negative offset", oneTensor("[0,4]", "[-4,4]"), "expected an offset, got '-'"},
      {"offsets in descending order", oneTensor("[0,4]", "[4,0]"), "expected offsets in ascending order, got 4 and 0"},
      {"one offset", oneTensor("[0,4]", "[0]"), "expected ',', got ']'"},
      {"overlap", twoTensors("[2,6]", 6), "expected the next tensor to begin at offset 4, got 2: tensors overlap"},
      {"the same bytes twice", twoTensors("[0,4]", 4), "tensors overlap"},
      {"hole", twoTensors("[8,12]", 12), "got 8: bytes that belong to no tensor"},
      {"bytes behind the last tensor", oneTensor("F32", "F32", 5),
       "expected the file to end after its last tensor, got 1"},
      {"cut data", oneTensor("F32", "F32", 3), "expected an offset of at most 3"},
      {"duplicate name", twoTensors("[4,8]", 8, "a"), "expected each key once, got \"a\""},
      {"duplicate name, escaped", twoTensors("[4,8]", 8, "\\u0061"), "expected each key once, got \"a\""},
      {"duplicate member", oneTensor("\"shape\":[1]", "\"dtype\":\"F32\""), "expected \"dtype\" once"},
      {"duplicate metadata", tensors(R"({"__metadata__":{},"__metadata__":{}})", 0), "got \"__metadata__\" twice"},
      {"duplicate key of metadata", tensors(R"({"__metadata__":{"a":"1","a":"2"}})", 0),
       "expected each key once, got \"a\""},
      {"number in metadata", tensors(R"({"__metadata__":{"a":1}})", 0),
       "expected a string as value in \"__metadata__\""},
      {"overflowing product", oneTensor("[1]", "[4294967296,4294967296,4294967296]"), "fewer than 2^63 bytes"},
      {"product that wraps to 4", oneTensor("[1]", "[2147483649,2147483648,2,2]"), "fewer than 2^63 bytes"},
      {"overflow beside an empty axis", oneTensor("[1]", "[0,9223372036854775807,9223372036854775807]"),
       "fewer than 2^63"},
      {"extent beyond 63 bits", oneTensor("[1]", "[9223372036854775808]"), "expected an extent of at most"},
      {"negative extent", oneTensor("[1]", "[-1]"), "expected an extent, got '-'"},
      {"fraction", oneTensor("[1]", "[1.0]"), "got a fraction"},
      {"leading zero", oneTensor("[1]", "[01]"), "a leading zero"},
      {"string as extent", oneTensor("[1]", "[\"1\"]"), "expected an extent, got '\"'"},
      {"shape of other bytes", oneTensor("[1]", "[2]"), "expected 8 bytes from shape and dtype, got 4"},
      {"rank 100", oneTensor("[1]", "[" + times("1,", 99) + "1]"), "expected at most 64 dimensions"},
      {"unknown type", oneTensor("F32", "F8_E4M3"), "expected one of F64 F32"},
      {"number as type", oneTensor("\"F32\"", "32"), "expected a string as dtype, got '3'"},
      {"unknown member", oneTensor("\"shape\"", "\"shapes\""), "got \"shapes\""},
      {"missing member", oneTensor("\"shape\":[1],", ""), "got a tensor without \"shape\""},
      {"deep nesting", tensors(times("[", 100000), 0), "expected '{'"},
      {"deep nesting in a tensor", oneTensor("[1]", times("[", 100000)), "expected an extent, got '['"},
      {"invalid UTF-8", oneTensor("\"a\"", "\"\xFF\""), "expected a string in UTF-8, got the byte 0xff"},
      {"overlong UTF-8", oneTensor("\"a\"", "\"\xC0\x80\""), "expected a string in UTF-8"},
      {"half a surrogate pair", oneTensor("\"a\"", "\"\\ud800\""), "got the single half \\ud800"},
      {"NUL in a name", oneTensor("\"a\"", "\"\\u0000\""), "got \\u0000"},
      {"open string", tensors("{\"a", 0), "expected '\"' at the end of a string"},
      {"two objects", tensors("{}{}", 0), "expected nothing but spaces after the header's '}'"},
  };
  check(readTensors, kinds);
  EXPECT_EQ(messageOf(readSafetensors(put("file", oneTensor("F32", "F32")))), "")
      << "what the kinds are made from is good";
}

//===----------------------------------------------------------------------===//
// npy, npz
//===----------------------------------------------------------------------===//

static std::string npy(StringRef dictionary, size_t bytes, char version = 1, std::optional<uint64_t> length = {}) {
  std::string prefix = "\x93NUMPY";
  return prefix + version + '\0' + number(length.value_or(dictionary.size()), version == 1 ? 2 : 4) + dictionary.str() +
         std::string(bytes, '\0');
}

static std::string npyOf(StringRef descr, StringRef shape, size_t bytes) {
  return npy(("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }").str(), bytes);
}

TEST_F(HostileFiles, Npy) {
  const Kind kinds[] = {
      {"empty", "", "byte 0: expected a .npy file"},
      {"nothing but the magic", "\x93NUMPY", "byte 6: expected a header, got the end of the file"},
      {"version 9", npy("{}", 0, 9), "byte 6: expected format 1.0, 2.0 or 3.0, got 9.0"},
      {"header beyond the file", npy("{}", 0, 1, 60000), "byte 8: expected a header of 60000 bytes, got 2"},
      {"header of 4 GiB", npy("{}", 0, 2, UINT32_MAX), "expected a header of 4294967295 bytes, got 2"},
      {"no dictionary", npy("[]", 0), "byte 10: expected {'descr'"},
      {"missing key", npy("{'descr': '<f4', 'shape': (1,), }", 4), "expected {'descr'"},
      {"key twice", npy("{'descr': '<f4', 'descr': '<f4', 'shape': (), 'fortran_order': False}", 4),
       "expected {'descr'"},
      {"code after the dictionary", npy("{'descr': '<f4', 'shape': (), 'fortran_order': False} + x", 4),
       "expected {'descr'"},
      {"deep nesting", npy("{'shape': " + times("(", 50000), 0), "expected {'descr'"},
      {"objects", npyOf("|O", "(1,)", 8), "expected a type of f2"},
      {"records", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", 4),
       "arrays of records cannot be read"},
      {"negative extent", npyOf("<f4", "(-1,)", 4), "expected {'descr'"},
      {"extent beyond 63 bits", npyOf("<f4", "(99999999999999999999,)", 4), "expected {'descr'"},
      {"overflowing product", npyOf("<f4", "(4294967296, 4294967296)", 4), "bytes of elements, got 4"},
      {"overflow beside an empty axis", npyOf("<f4", "(0, 9223372036854775807, 4)", 0), "bytes of elements"},
      {"cut data", npyOf("<f4", "(3,)", 8), "expected 12 bytes of elements, got 8"},
      {"more data than elements", npyOf("<f4", "(1,)", 8), "expected 4 bytes of elements, got 8"},
  };
  check(readArray, kinds);
  EXPECT_EQ(messageOf(readNpy(put("file", npyOf("<f4", "(3,)", 12)))), "") << "what the kinds are made from is good";
}

/// An archive of one stored array with fields of its records replaced, and what it says in its directory.
struct Zip {
  std::string contents = npyOf("<f4", "(2,)", 8), name = "a.npy";
  std::optional<uint32_t> size, packedSize, crc, localOffset, directoryOffset, directorySize, count;
  uint16_t flags = 0, method = 0;
  size_t entries = 1;
  bool sameName = false;

  std::string bytes() const {
    std::string archive = "PK\x03\x04" + fields() + number(name.size(), 2) + number(0, 2) + name + contents;
    size_t start = archive.size();
    for (size_t i = 0; i < entries; ++i) {
      std::string entry = i && !sameName ? name + std::to_string(i) : name;
      archive += "PK\x01\x02" + number(20, 2) + fields() + number(entry.size(), 2) + number(0, 2) + number(0, 2) +
                 number(0, 2) + number(0, 2) + number(0, 4) + number(localOffset.value_or(0), 4) + entry;
    }
    size_t length = archive.size() - start;
    return archive + "PK\x05\x06" + number(0, 4) + number(count.value_or(entries), 2) +
           number(count.value_or(entries), 2) + number(directorySize.value_or(length), 4) +
           number(directoryOffset.value_or(start), 4) + number(0, 2);
  }

private:
  std::string fields() const {
    return number(20, 2) + number(flags, 2) + number(method, 2) + number(0, 4) +
           number(crc.value_or(crc32(contents)), 4) + number(packedSize.value_or(contents.size()), 4) +
           number(size.value_or(contents.size()), 4);
  }
};

static std::string zip(function_ref<void(Zip &)> change) {
  Zip archive;
  change(archive);
  return archive.bytes();
}

TEST_F(HostileFiles, Npz) {
  std::string good = Zip().bytes();
  const Kind kinds[] = {
      {"empty", "", "byte 0: expected the end of a zip archive"},
      {"cut in the middle", good.substr(0, good.size() / 2), "the file is truncated or no .npz"},
      {"cut by a byte", good.substr(0, good.size() - 1), "the file is truncated or no .npz"},
      {"directory beyond the file", zip([](Zip &z) { z.directoryOffset = 0x7FFFFFFF; }),
       "expected a directory of the archive"},
      {"directory of a lying size", zip([](Zip &z) { z.directorySize = 3; }), "expected a directory of the archive"},
      {"directory in the data", zip([](Zip &z) { z.directoryOffset = 0; }), "expected a directory of the archive"},
      {"more entries promised", zip([](Zip &z) { z.count = 60000; }), "expected 60000 arrays, got 1"},
      {"member beyond the file", zip([](Zip &z) { z.localOffset = 0x7FFFFFFF; }), "byte 2147483647: expected a member"},
      {"member in the middle of another", zip([](Zip &z) { z.localOffset = 5; }), "byte 5: expected a member"},
      {"member of a lying size", zip([](Zip &z) { z.size = z.packedSize = 1 << 30; }), "members overlap"},
      {"member past the end", zip([](Zip &z) { z.size = z.packedSize = 160; }), "got the end of the file"},
      {"compressed", zip([](Zip &z) { z.method = 8; }), "expected an uncompressed member"},
      {"zip bomb", zip([](Zip &z) { z.method = 8, z.size = 0x7FFFFFFF; }), "members overlap"},
      {"many entries for the same bytes", zip([](Zip &z) {
         z.contents = npyOf("<f4", "(250000,)", 1000000);
         z.entries = 20000;
       }),
       "members overlap"},
      {"encrypted", zip([](Zip &z) { z.flags = 1; }), "expected a member without encryption"},
      {"wrong checksum", zip([](Zip &z) { z.crc = 1; }), "expected CRC-32 00000001, got"},
      {"the same name twice", zip([](Zip &z) { z.entries = 2, z.sameName = true; }), "expected distinct names"},
      {"name that is no UTF-8", zip([](Zip &z) { z.name = "\xFF.npy"; }), "UTF-8"},
      {"zip64", zip([](Zip &z) { z.size = UINT32_MAX; }), "expected an archive below 4 GiB"},
      {"member that is no array", zip([](Zip &z) { z.contents = "hello"; }), "a.npy: byte 0: expected a .npy file"},
  };
  check(readArchive, kinds);
  EXPECT_EQ(messageOf(readNpz(put("file", good))), "") << "what the kinds are made from is good";
}

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

TEST_F(HostileFiles, Vocabularies) {
  const std::string head = "moru-vocabulary characters 2 special=0 unknown=error\n";
  const Kind kinds[] = {
      {"empty", "", ":1: expected 'moru-vocabulary"},
      {"another file",
       "\x7F"
       "ELF\2\1\1",
       ":1: expected 'moru-vocabulary"},
      {"endless first line", times("a", 1 << 20), ":1: expected 'moru-vocabulary"},
      {"unknown unit", "moru-vocabulary bytes 2 special=0 unknown=error\n", ":1: expected"},
      {"negative count", "moru-vocabulary characters -2 special=0 unknown=error\n", ":1: expected"},
      {"count beyond 64 bits", "moru-vocabulary characters 99999999999999999999 special=0 unknown=error\n",
       ":1: expected"},
      {"more promised", "moru-vocabulary characters 4000000000 special=0 unknown=error\na\nb\n",
       "expected 4000000000 tokens, got 2"},
      {"fewer promised", "moru-vocabulary characters 1 special=0 unknown=error\na\nb\n", "expected 1 tokens, got 2"},
      {"duplicate", head + "a\na\n", ":3: expected distinct tokens, got 'a' a second time"},
      {"cut", head + "a\nb", ":3: expected a line break"},
      {"two characters", head + "a\nbc\n", ":3: expected one of the characters, got 'bc'"},
      {"empty token", head + "a\n\n", ":3: expected one of the characters"},
      {"bad escape", head + "a\n\\q\n", ":3: "},
      {"invalid UTF-8", head + "a\n\xFF\n", "UTF-8"},
      {"wrong special token", "moru-vocabulary words 4 special=4 unknown=replace\n<PAD>\n<unk>\n<SOS>\n<EOS>\n",
       ":3: expected <UNK>"},
  };
  check(readVocabulary, kinds);
}

TEST_F(HostileFiles, BytePairs) {
  const std::string merges = put("merges.txt", "#version: 0.2\na b\n");
  auto read = [&](StringRef name, StringRef contents) { return messageOf(loadTokenizer(put(name, contents))); };
  const Kind kinds[] = {
      {"empty", "", "vocab.json: byte 0: expected"},
      {"deep", times("[", 1000000), "vocab.json: byte 0: expected an object"},
      {"negative id", R"({"a":-1})", "vocab.json: byte 5: "},
      {"id beyond the others", R"({"a":0,"b":4000000000})", "vocab.json: "},
      {"the same id", R"({"a":0,"b":0,"ab":1})", "vocab.json: "},
      {"the same token", R"({"a":0,"a":1})", "vocab.json: "},
      {"merge of what is no token", R"({"a":0,"c":1})", "merges.txt"},
  };
  for (const Kind &kind : kinds)
    EXPECT_TRUE(contains(read("vocab.json", kind.contents), kind.message))
        << kind.name << ": " << read("vocab.json", kind.contents);
  EXPECT_TRUE(contains(read("tokenizer.json", times("{\"a\":", 100000)), "levels of nesting"))
      << read("tokenizer.json", times("{\"a\":", 100000));
  EXPECT_TRUE(contains(read("tokenizer.json", "{}"), "tokenizer.json: "));
}

TEST_F(HostileFiles, Configurations) {
  const Kind kinds[] = {
      {"empty", "", "byte 0: expected"},
      {"deep arrays", times("[", 1000000), "byte 64: expected at most 64 levels of nesting"},
      {"deep objects", times("{\"a\":", 1000000), "expected at most 64 levels of nesting"},
      {"array", "[1]", "expected a JSON object"},
      {"cut", "{\"V\": 5", "byte 7: expected ',' or '}', got the end of the file"},
      {"duplicate key", "{\"V\": 5, \"V\": 6}", "byte 14: expected each key once, got \"V\" again"},
      {"object as value", "{\"V\": {}}", "key \"V\": expected a number"},
      {"invalid UTF-8", "{\"\xFF\": 1}", "expected JSON"},
      {"text behind", "{} {}", "expected JSON"},
  };
  check(readConfig, kinds);
  const Kind texts[] = {{"invalid UTF-8", "abc\xFF", "byte 3"}, {"half a character", "abc\xE2\x82", "byte 3"}};
  check(readPlainText, texts);
}

//===----------------------------------------------------------------------===//
// What is no file
//===----------------------------------------------------------------------===//

TEST_F(HostileFiles, ThingsThatAreNoFiles) {
  ASSERT_FALSE(sys::fs::create_directory(at("folder")));
  ASSERT_EQ(mkfifo(at("pipe").c_str(), 0600), 0);
  ASSERT_EQ(symlink("b", at("a").c_str()), 0);
  ASSERT_EQ(symlink("a", at("b").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", at("dangling").c_str()), 0);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name = at("socket");
  ASSERT_LT(name.size(), sizeof address.sun_path);
  std::strcpy(address.sun_path, name.c_str());
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
  close(listener);
  const std::pair<std::string, const char *> things[] = {
      {at("folder"), "folder"},
      {at("a"), "links that lead in a circle"},
      {at("dangling"), "No such file"},
      {at("pipe"), "expected a file, got a pipe"},
      {at("socket"), "expected a file, got a device or a socket"},
      {"/dev/zero", "expected a file, got a device"},
      {at("file/below"), "expected a folder, got a file"},
      {at(times("x", 300)), "File name too long"},
  };
  put("file", "");
  for (Reader read : {readTensors, readArray, readArchive, readVocabulary, readConfig, readPlainText})
    for (const auto &[path, expected] : things) {
      std::string message = read(path);
      EXPECT_TRUE(contains(message, path) && contains(message, expected)) << path << ": " << message;
    }
}

TEST_F(HostileFiles, EndlessPipesAreReadUpToALimit) {
  std::string path = at("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  if (pid_t writer = fork(); writer == 0) {
    signal(SIGPIPE, SIG_DFL);
    int descriptor = open(path.c_str(), O_WRONLY);
    std::string block(1 << 16, 'x');
    while (write(descriptor, block.data(), block.size()) > 0) {
    }
    _exit(0);
  }
  int reader = open(path.c_str(), O_RDONLY); // waits for the writer, so that there is one below
  std::string message = messageOf(readFile(path, 1 << 20));
  close(reader);
  EXPECT_EQ(message, "cannot read " + path + ": expected at most 1048576 bytes, got more");
}

namespace {
/// Root may read everything: for as long as this lives, root is somebody who may not.
class WithoutPrivileges {
public:
  WithoutPrivileges() : isRoot(geteuid() == 0), holds(!isRoot || seteuid(kNobody) == 0) {}
  ~WithoutPrivileges() {
    if (isRoot && holds && seteuid(0) != 0)
      abort();
  }
  explicit operator bool() const { return holds; }

private:
  static constexpr uid_t kNobody = 65534;
  bool isRoot, holds;
};
} // namespace

TEST_F(HostileFiles, FilesWithoutPermission) {
  std::string path = put("secret", "abc");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  WithoutPrivileges withoutPrivileges;
  if (!withoutPrivileges)
    GTEST_SKIP() << "no other user can be had here, and root may read everything";
  EXPECT_TRUE(contains(readTensors(path), "Permission denied; check the permissions"));
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

/// The state of a good checkpoint, with some of its text replaced and its own hash put right.
static std::string stateWith(const std::string &text, StringRef from, StringRef to) {
  std::string changed = text;
  size_t place = changed.find(from);
  EXPECT_NE(place, std::string::npos) << from.str();
  changed.replace(place, from.size(), to);
  json::Object state = cantFail(parseJsonObject(changed, "state"));
  state.erase("check");
  state["check"] = xxh3Hex(formatv("{0}", json::Value(json::Object(state))).str());
  return formatv("{0}", json::Value(std::move(state))).str();
}

TEST_F(HostileFiles, Checkpoints) {
  Checkpoint checkpoint;
  checkpoint.config = json::Object{{"model", "m"}};
  checkpoint.model.push_back({"w", HostTensor::scalar(1.0f)});
  std::string saved = cantFail(saveCheckpoint(folder, checkpoint)), state = cantFail(readFile(saved + "/state.json"));
  const Kind kinds[] = {
      {"empty", "", "state.json: byte 0: expected"},
      {"deep", times("[", 1000000), "expected at most 64 levels of nesting"},
      {"changed", state.substr(0, state.find("\"seed\"")) + "\"seed\": 7}", "the file was changed or damaged"},
      {"path in place of a name", stateWith(state, "config.json", "../../etc/passwd"), "state.json: expected"},
      {"text as seed", stateWith(state, "\"seed\": 0", "\"seed\": \"0\""), "state.json: expected"},
      {"lying size", stateWith(state, "\"bytes\": ", "\"bytes\": 9"), "bytes, got"},
      {"negative size", stateWith(state, "\"bytes\": ", "\"bytes\": -"), "state.json: expected"},
      {"hash as number", stateWith(state, "\"xxh3\": \"", "\"xxh3\": 1, \"x\": \""), "state.json: expected"},
      {"no files", stateWith(state, "\"files\"", "\"others\""), "state.json: expected"},
      {"missing record", stateWith(state, "\"config.json\"", "\"other.json\""), "expected a record of config.json"},
  };
  for (const Kind &kind : kinds) {
    put((sys::path::filename(saved) + "/state.json").str(), kind.contents);
    std::string message = readCheckpoint(saved);
    EXPECT_TRUE(contains(message, saved)) << kind.name << ": " << message;
    EXPECT_TRUE(contains(message, kind.message)) << kind.name << ": " << message;
  }
  put((sys::path::filename(saved) + "/state.json").str(), state);
  EXPECT_EQ(readCheckpoint(saved), "") << "what the kinds are made from is good";

  // Links in a circle in place of the newest one.
  ASSERT_EQ(unlink(at("latest").c_str()), 0);
  ASSERT_EQ(symlink("latest", at("latest").c_str()), 0);
  EXPECT_EQ(readCheckpoint(folder.str().str()), "") << "the folders beside a broken link are found";
  ASSERT_EQ(std::rename(saved.c_str(), at("elsewhere").c_str()), 0);
  EXPECT_TRUE(contains(readCheckpoint(folder.str().str()), "in a circle"));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static uint64_t peakMemory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return uint64_t(usage.ru_maxrss) << 10;
}

TEST_F(HostileFiles, CostNoMoreMemoryThanTheyAreLarge) {
  // Lies about sizes of gigabytes, in files of at most a few megabytes: promised arrays, tensors, tokens, and the same
  // bytes many times.
  const std::pair<Reader, std::string> lies[] = {
      {readTensors, number(99999999, 8) + "{}"},
      {readTensors, oneTensor("[1]", "[1000000000000]")},
      {readArray, npyOf("<f4", "(1000000000000,)", 4)},
      {readArchive, zip([](Zip &z) { z.count = 65535; })},
      {readArchive, zip([](Zip &z) {
         z.contents = npyOf("<f4", "(250000,)", 1000000);
         z.entries = 20000;
       })},
      {readVocabulary, "moru-vocabulary characters 18446744073709551615 special=0 unknown=error\n"},
      {readConfig, times("[", 1 << 22)},
  };
  uint64_t before = peakMemory(), largest = 0;
  for (const auto &[read, contents] : lies) {
    largest = std::max<uint64_t>(largest, contents.size());
    EXPECT_NE(read(put("file", contents)), "");
  }
  // A reader may hold a file, its index and a copy; a sanitizer keeps what was freed for a while.
  constexpr uint64_t kSlack = 64 << 20;
  EXPECT_LE(peakMemory() - before, 16 * largest + kSlack);
}
