// The .npz format: a zip archive of stored .npy files. Members are found through the central directory, whose every
// number is checked against the file.

#include "moru/Data/Npy.h"
#include "moru/Support/Files.h"
#include "moru/Support/Hash.h"
#include "moru/Support/Unicode.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace llvm::support;

namespace moru {

// The records of a zip archive: their signatures and the sizes of their fixed parts.
static constexpr StringLiteral kLocalSignature("PK\x03\x04");
static constexpr StringLiteral kCentralSignature("PK\x01\x02");
static constexpr StringLiteral kEndSignature("PK\x05\x06");
static constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22;
/// An archive may end in a comment of this length, behind which the end record hides.
static constexpr size_t kMaxComment = 0xFFFF;

namespace {

/// One member, as the central directory has it.
struct Member {
  StringRef name;
  unsigned flags, method;
  uint32_t crc;
  uint64_t packedSize, size, localOffset;
};

/// Reads members of one archive.
class ZipReader {
public:
  ZipReader(StringRef bytes, StringRef source) : bytes(bytes), source(source) {}

  Expected<std::vector<Member>> readDirectory() const;
  /// The contents of a stored member, verified.
  Expected<StringRef> readStored(const Member &member) const;

private:
  Error fail(uint64_t offset, const Twine &message) const {
    return makeError(source + ": byte " + Twine(offset) + ": " + message);
  }
  uint16_t read16(uint64_t offset) const { return endian::read16le(bytes.data() + offset); }
  uint32_t read32(uint64_t offset) const { return endian::read32le(bytes.data() + offset); }
  Expected<uint64_t> findEnd() const;
  Expected<Member> readMember(uint64_t &offset, uint64_t end) const;

  StringRef bytes, source;
};

} // namespace

Expected<uint64_t> ZipReader::findEnd() const {
  size_t place = bytes.rfind(kEndSignature);
  if (place == StringRef::npos || bytes.size() - place < kEndSize || bytes.size() - place > kEndSize + kMaxComment)
    return fail(bytes.size(), "expected the end of a zip archive; the file is truncated or no .npz");
  return place;
}

Expected<Member> ZipReader::readMember(uint64_t &offset, uint64_t end) const {
  if (end - offset < kCentralSize || !bytes.substr(offset).starts_with(kCentralSignature))
    return fail(offset, "expected an entry of the archive's directory");
  uint64_t nameSize = read16(offset + 28), extra = read16(offset + 30), comment = read16(offset + 32);
  if (nameSize + extra + comment > end - offset - kCentralSize)
    return fail(offset + 28, "expected a name within the archive's directory");
  Member member{bytes.substr(offset + kCentralSize, nameSize),
                read16(offset + 8),
                read16(offset + 10),
                read32(offset + 16),
                read32(offset + 20),
                read32(offset + 24),
                read32(offset + 42)};
  if (member.size == UINT32_MAX || member.packedSize == UINT32_MAX || member.localOffset == UINT32_MAX)
    return fail(offset, "expected an archive below 4 GiB; use safetensors for larger ones");
  offset += kCentralSize + nameSize + extra + comment;
  return member;
}

Expected<std::vector<Member>> ZipReader::readDirectory() const {
  Expected<uint64_t> end = findEnd();
  if (!end)
    return end.takeError();
  uint64_t count = read16(*end + 10), size = read32(*end + 12), offset = read32(*end + 16);
  if (offset > *end || size != *end - offset)
    return fail(*end + 12, "expected a directory of the archive that ends here, got one of " + Twine(size) +
                               " bytes at byte " + Twine(offset));
  std::vector<Member> members;
  StringSet<> seen;
  while (offset < *end) {
    uint64_t entry = offset;
    Expected<Member> member = readMember(offset, *end);
    if (!member)
      return member.takeError();
    if (!seen.insert(member->name).second)
      return fail(entry, "expected distinct names, got one twice");
    members.push_back(*member);
  }
  if (members.size() != count)
    return fail(*end + 10, "expected " + Twine(count) + " arrays, got " + Twine(members.size()));
  return members;
}

Expected<StringRef> ZipReader::readStored(const Member &member) const {
  uint64_t offset = member.localOffset;
  if (offset > bytes.size() || bytes.size() - offset < kLocalSize || !bytes.substr(offset).starts_with(kLocalSignature))
    return fail(offset, "expected a member of the archive");
  if (member.flags & 1)
    return fail(offset, "expected a member without encryption");
  if (member.method != 0 || member.packedSize != member.size)
    return fail(offset, "expected an uncompressed member; write it with numpy.savez, not savez_compressed");
  uint64_t start = offset + kLocalSize + read16(offset + 26) + read16(offset + 28);
  if (start > bytes.size() || member.size > bytes.size() - start)
    return fail(offset, "expected " + Twine(member.size) + " bytes, got the end of the file");
  StringRef contents = bytes.substr(start, member.size);
  if (crc32(contents) != member.crc)
    return fail(start, "expected CRC-32 " + crc32Hex(member.crc) + ", got " + crc32Hex(crc32(contents)) +
                           "; the file is damaged, write or copy it again");
  return contents;
}

Expected<std::vector<NamedTensor>> parseNpz(StringRef bytes, StringRef source) {
  ZipReader archive(bytes, source);
  Expected<std::vector<Member>> members = archive.readDirectory();
  if (!members)
    return members.takeError();
  std::vector<NamedTensor> tensors;
  // Entries that share their bytes could make terabytes of a small file.
  uint64_t total = 0;
  for (const Member &member : *members) {
    total += member.size;
    if (total > bytes.size())
      return makeError(source + ": byte " + Twine(member.localOffset) + ": expected arrays of at most " +
                       Twine(bytes.size()) + " bytes together, got more: members overlap");
    if (Error error = checkUtf8(member.name, source))
      return error;
    Expected<StringRef> contents = archive.readStored(member);
    if (!contents)
      return contents.takeError();
    StringRef name = member.name;
    Expected<HostTensor> tensor = parseNpy(*contents, (source + ": " + name).str());
    if (!tensor)
      return tensor.takeError();
    name.consume_back(".npy");
    tensors.push_back({name.str(), std::move(*tensor)});
  }
  return tensors;
}

Expected<std::vector<NamedTensor>> readNpz(StringRef path) {
  Expected<std::unique_ptr<MemoryBuffer>> buffer = mapFile(path);
  if (!buffer)
    return buffer.takeError();
  return parseNpz((*buffer)->getBuffer(), path);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static void append16(std::string &text, uint64_t value) {
  char bytes[2];
  endian::write16le(bytes, uint16_t(value));
  text.append(bytes, sizeof bytes);
}

static void append32(std::string &text, uint64_t value) {
  char bytes[4];
  endian::write32le(bytes, uint32_t(value));
  text.append(bytes, sizeof bytes);
}

/// The fields that a local and a central record share: from the version that can read it to the lengths of name and
/// extra.
static void appendCommonFields(std::string &record, StringRef name, StringRef contents) {
  constexpr unsigned kVersion = 20, kUtf8Names = 0x800, kStored = 0;
  constexpr unsigned kMidnight = 0, kFirstOfJanuary1980 = 0x21; // a fixed time: the same tensors give the same file
  append16(record, kVersion);
  append16(record, kUtf8Names);
  append16(record, kStored);
  append16(record, kMidnight);
  append16(record, kFirstOfJanuary1980);
  append32(record, crc32(contents));
  append32(record, contents.size());
  append32(record, contents.size());
  append16(record, name.size());
  append16(record, 0);
}

static void appendCentralRecord(std::string &directory, StringRef name, StringRef contents, uint64_t localOffset) {
  directory += kCentralSignature;
  append16(directory, 20);
  appendCommonFields(directory, name, contents);
  append16(directory, 0); // comment
  append16(directory, 0); // disk
  append16(directory, 0); // internal attributes
  append32(directory, 0); // external attributes
  append32(directory, localOffset);
  directory += name;
}

static void appendEndRecord(std::string &archive, size_t count, size_t directorySize, size_t directoryOffset) {
  archive += kEndSignature;
  append16(archive, 0);
  append16(archive, 0);
  append16(archive, count);
  append16(archive, count);
  append32(archive, directorySize);
  append32(archive, directoryOffset);
  append16(archive, 0);
}

Error writeNpz(StringRef path, ArrayRef<TensorRef> tensors) {
  std::string archive, directory;
  StringSet<> seen;
  for (const TensorRef &ref : tensors) {
    Expected<std::string> contents = formatNpy(*ref.tensor);
    if (!contents)
      return makeError(path + ": '" + ref.name + "': " + toString(contents.takeError()));
    std::string name = (ref.name + ".npy").str();
    if (!seen.insert(name).second || name.size() > UINT16_MAX)
      return makeError(path + ": expected distinct names of at most 64 KiB, got '" + ref.name.take_front(100) + "'");
    appendCentralRecord(directory, name, *contents, archive.size());
    archive += kLocalSignature;
    appendCommonFields(archive, name, *contents);
    archive += name;
    archive += *contents;
    if (archive.size() + directory.size() + kEndSize >= UINT32_MAX || seen.size() > UINT16_MAX)
      return makeError(path + ": expected fewer than 4 GiB and 65536 arrays; use safetensors for more");
  }
  size_t directoryOffset = archive.size();
  archive += directory;
  appendEndRecord(archive, tensors.size(), directory.size(), directoryOffset);
  return writeFile(path, archive);
}

} // namespace moru
