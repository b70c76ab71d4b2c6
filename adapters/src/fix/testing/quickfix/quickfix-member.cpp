// A member's order system behind QuickFIX C++, an engine that is not this project's: who enters orders
// over FIX must be able to be anybody. Driven from stdin, one command a line:
//
//   quickfix-member CONFIG PASSWORD
//
// `D 11=A|55=BOND` sends a message of that type with those fields. What comes is a line each: `logon`,
// `logout`, or `told` and the message.
#include <quickfix/FileStore.h>
#include <quickfix/Message.h>
#include <quickfix/Session.h>
#include <quickfix/SocketInitiator.h>
#include <algorithm>
#include <iostream>
#include <mutex>
#include <sstream>
#include <unistd.h>

class Member : public FIX::Application {
 public:
  std::mutex mutex;
  std::string password;
  FIX::SessionID session;

  void say(const std::string& line) {
    std::lock_guard<std::mutex> lock(mutex);
    std::cout << line << std::endl;
  }

  void onCreate(const FIX::SessionID& id) override { session = id; }
  void onLogon(const FIX::SessionID&) override { say("logon"); }
  void onLogout(const FIX::SessionID&) override { say("logout"); }
  void toAdmin(FIX::Message& m, const FIX::SessionID&) override {
    if (m.getHeader().getField(35) == "A") m.setField(554, password);
  }
  void toApp(FIX::Message&, const FIX::SessionID&) throw(FIX::DoNotSend) override {}
  void fromAdmin(const FIX::Message& m, const FIX::SessionID&)
      throw(FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::RejectLogon) override {
    if (m.getHeader().getField(35) == "3") tell(m);
  }
  void fromApp(const FIX::Message& m, const FIX::SessionID&)
      throw(FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::UnsupportedMessageType) override {
    tell(m);
  }

  void tell(const FIX::Message& m) {
    std::string text = m.toString();
    std::replace(text.begin(), text.end(), '\001', '|');
    say("told " + text);
  }

  void send(const std::string& line) {
    std::istringstream in(line);
    std::string type, fields, field;
    in >> type >> fields;
    FIX::Message m;
    m.getHeader().setField(35, type);
    std::istringstream each(fields);
    while (std::getline(each, field, '|')) {
      const auto at = field.find('=');
      m.setField(std::stoi(field.substr(0, at)), field.substr(at + 1));
    }
    m.setField(FIX::TransactTime());
    FIX::Session::sendToTarget(m, session);
  }
};

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  Member member;
  member.password = argv[2];
  FIX::SessionSettings settings(argv[1]);
  FIX::FileStoreFactory store(settings);
  FIX::SocketInitiator initiator(member, store, settings);
  initiator.start();
  std::string line;
  while (std::getline(std::cin, line)) member.send(line);
  _exit(0);  // The test is gone; nobody is left to log out from.
}
