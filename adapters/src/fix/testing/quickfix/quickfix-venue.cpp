// A small venue behind QuickFIX C++, an engine that is not this project's: what the FIX adapter is
// proven against. One instrument, price then time. Driven from stdin, one command a line.
//
//   quickfix-venue CONFIG JOURNAL PRICE_DECIMALS QUANTITY_DECIMALS SYMBOL [autofill]
//
// `autofill` fills every order whole at its own price, and keeps what it did in JOURNAL: a venue whose
// process may be killed at any moment and knows its orders again.
#include <quickfix/FileStore.h>
#include <quickfix/Message.h>
#include <quickfix/Session.h>
#include <quickfix/SocketAcceptor.h>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <unistd.h>
#include <vector>

typedef long long Units;

static int priceDecimals = 2, quantityDecimals = 0;
static std::string symbol = "ACME";

static Units parse(const std::string& text, int decimals) {
  Units value = 0;
  int fraction = -1;
  for (char c : text) {
    if (c == '.') { fraction = 0; continue; }
    if (fraction >= decimals) continue;
    value = value * 10 + (c - '0');
    if (fraction >= 0) fraction++;
  }
  for (int missing = decimals - (fraction < 0 ? 0 : fraction); missing > 0; missing--) value *= 10;
  return value;
}

static std::string write(Units value, int decimals) {
  std::string digits = std::to_string(value);
  if (decimals == 0) return digits;
  while ((int)digits.size() <= decimals) digits = "0" + digits;
  return digits.substr(0, digits.size() - decimals) + "." + digits.substr(digits.size() - decimals);
}
static std::string px(Units value) { return write(value, priceDecimals); }
static std::string qty(Units value) { return write(value, quantityDecimals); }

struct Order {
  std::string id, venueId;
  char side, time, status;
  Units quantity, price, filled;
  bool open() const { return status == '0' || status == '1'; }
};
struct Fill { std::shared_ptr<Order> order; std::string id, trade; Units quantity, price; };
typedef std::map<Units, std::deque<std::shared_ptr<Order>>> Side;

class Venue : public FIX::Application {
 public:
  std::mutex mutex;
  bool autofill = false, halted = false, fillFirst = false, silent = false;
  std::string rejectNext, marketRequest, journalPath;

  explicit Venue(const std::string& path) : journalPath(path) {}

  void readJournal() {
    std::ifstream in(journalPath);
    std::string line;
    while (std::getline(in, line)) done.insert(line);
    journal.open(journalPath, std::ios::app);
  }

  void onCreate(const FIX::SessionID&) override {}
  void onLogon(const FIX::SessionID& id) override { std::lock_guard<std::mutex> lock(mutex); session = id; }
  void onLogout(const FIX::SessionID&) override {}
  void toAdmin(FIX::Message&, const FIX::SessionID&) override {}
  void toApp(FIX::Message&, const FIX::SessionID&) throw(FIX::DoNotSend) override {}
  void fromAdmin(const FIX::Message&, const FIX::SessionID&)
      throw(FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::RejectLogon) override {}
  void fromApp(const FIX::Message& m, const FIX::SessionID& id)
      throw(FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::UnsupportedMessageType) override {
    std::lock_guard<std::mutex> lock(mutex);
    session = id;
    const std::string type = m.getHeader().getField(35);
    if (type == "D") enter(m);
    else if (type == "F") cancel(m);
    else if (type == "G") replace(m);
    else if (type == "H") status(m.getField(11));
    else if (type == "AF") { for (auto& one : orders) if (one.second->open() && one.first == one.second->id) report(*one.second, 'I'); }
    else if (type == "q") { auto all = openOrders(); for (auto& one : all) end(one, '4', "mass cancel"); publish(); }
    else if (type == "V") subscribe(m);
    else if (type == "x") tellList(m.getField(320));
    else if (type == "c") tellDefinition(m.getField(320), m.getField(55));
    else if (type == "e") { statusAsked = true; tellStatus(); }
  }

  void command(const std::string& line) {
    std::lock_guard<std::mutex> lock(mutex);
    std::istringstream in(line);
    std::string verb, a, b, c;
    in >> verb >> a >> b >> c;
    if (verb == "halt" || verb == "resume") { halted = verb == "halt"; if (statusAsked) tellStatus(); }
    else if (verb == "cancel") { auto found = orders.find(a); if (found != orders.end()) { end(found->second, '4', "surveillance"); publish(); } }
    else if (verb == "bust" || verb == "correct") change(verb == "bust", a, b, c);
    else if (verb == "repeat") { for (auto& fill : fills) reportFill(fill); }
    else if (verb == "reject") rejectNext = a;
    else if (verb == "silent") silent = true;
    else if (verb == "fill-first") fillFirst = true;
    std::cout << "ok " << verb << std::endl;
  }

 private:
  FIX::SessionID session;
  std::map<std::string, std::shared_ptr<Order>> orders;
  std::vector<Fill> fills;
  std::map<Units, Units> toldBids, toldOffers;
  Side bids, offers;
  std::set<std::string> done;
  std::ofstream journal;
  long trades = 0, reports = 0, sequence = 0;
  bool statusAsked = false;

  bool is42() const { return session.getBeginString().getString() == "FIX.4.2"; }
  void send(FIX::Message& m, const std::string& type) {
    m.getHeader().setField(FIX::MsgType(type));
    FIX::Session::sendToTarget(m, session);
  }

  FIX::Message reportOf(const Order& o, char kind, const std::string& execId) {
    FIX::Message m;
    const bool old = is42();
    const char transaction = kind == 'H' ? '1' : kind == 'G' ? '2' : kind == 'I' ? '3' : '0';
    const char type = !old ? kind : kind == 'F' || transaction != '0' ? o.status : kind;
    if (old) m.setField(20, std::string(1, transaction));
    m.setField(150, std::string(1, type));
    m.setField(39, std::string(1, o.status));
    m.setField(37, o.venueId); m.setField(11, o.id); m.setField(17, execId);
    m.setField(55, symbol); m.setField(54, std::string(1, o.side));
    m.setField(38, qty(o.quantity)); m.setField(44, px(o.price));
    m.setField(14, qty(o.filled)); m.setField(151, qty(o.open() ? o.quantity - o.filled : 0));
    m.setField(6, "0");
    m.setField(FIX::TransactTime(FIX::UtcTimeStamp(), 3));
    return m;
  }
  void report(const Order& o, char kind, const std::string& original = "", const std::string& text = "") {
    FIX::Message m = reportOf(o, kind, kind == 'I' ? "0" : "R" + std::to_string(++reports));
    if (!original.empty()) m.setField(41, original);
    if (!text.empty()) m.setField(58, text);
    send(m, "8");
  }
  void reject(const Order& o, const std::string& reason) {
    FIX::Message m = reportOf(o, '8', "R" + std::to_string(++reports));
    m.setField(103, reason);
    send(m, "8");
  }
  void reportFill(const Fill& f) {
    FIX::Message m = reportOf(*f.order, 'F', f.id);
    m.setField(32, qty(f.quantity)); m.setField(31, px(f.price));
    FIX::Group contra(382, 375);
    contra.setField(375, "OTHER");
    m.addGroup(contra);
    send(m, "8");
  }
  void cancelReject(const std::string& id, const Order* o, char to, const std::string& reason) {
    FIX::Message m;
    m.setField(37, o ? o->venueId : "NONE"); m.setField(11, id); m.setField(41, o ? o->id : "NONE");
    m.setField(39, std::string(1, o ? o->status : '8'));
    m.setField(434, std::string(1, to)); m.setField(102, reason);
    send(m, "9");
  }

  void enter(const FIX::Message& m) {
    auto o = std::make_shared<Order>();
    o->id = o->venueId = m.getField(11);
    o->side = m.getField(54)[0];
    o->time = m.isSetField(59) ? m.getField(59)[0] : '0';
    o->quantity = parse(m.getField(38), quantityDecimals);
    o->price = parse(m.getField(44), priceDecimals);
    o->filled = 0;
    o->status = '8';
    if (autofill) { fillAtOnce(o); return; }
    std::string reason = rejectNext;
    rejectNext.clear();
    if (reason.empty() && orders.count(o->id)) reason = "6";
    if (reason.empty() && m.getField(55) != symbol) reason = "1";
    if (reason.empty() && halted) reason = "2";
    if (!reason.empty()) { reject(*o, reason); return; }
    o->status = '0';
    orders[o->id] = o;
    const bool late = fillFirst;
    fillFirst = false;
    if (silent) silent = false;
    else if (!late) report(*o, '0');
    match(o);
    if (late) report(*o, '0');
    if (o->open() && (o->time == '3' || o->time == '4')) end(o, '4', "not filled at once");
    else if (o->open()) side(o->side)[o->price].push_back(o);
    publish();
  }

  // What was done stands in the journal before it is said; said again, it has the same ids.
  void fillAtOnce(const std::shared_ptr<Order>& o) {
    if (done.insert(o->id).second) { journal << o->id << "\n"; journal.flush(); }
    o->status = '0';
    FIX::Message accepted = reportOf(*o, '0', "A-" + o->id);
    send(accepted, "8");
    o->filled = o->quantity;
    o->status = '2';
    reportFill(Fill{o, "E-" + o->id, "T-" + o->id, o->quantity, o->price});
  }

  Side& side(char s) { return s == '1' ? bids : offers; }
  bool crosses(const Order& o, Units price) const { return o.side == '1' ? price <= o.price : price >= o.price; }
  Side::iterator best(Side& s, bool highest) { return highest ? std::prev(s.end()) : s.begin(); }

  void match(const std::shared_ptr<Order>& o) {
    Side& other = side(o->side == '1' ? '2' : '1');
    if (o->time == '4') {
      Units there = 0;
      for (auto& level : other) if (crosses(*o, level.first)) for (auto& one : level.second) there += one->quantity - one->filled;
      if (there < o->quantity) return;
    }
    while (o->filled < o->quantity && !other.empty()) {
      auto level = best(other, o->side == '2');
      if (!crosses(*o, level->first)) break;
      auto maker = level->second.front();
      const Units price = level->first;
      const Units quantity = std::min(o->quantity - o->filled, maker->quantity - maker->filled);
      const std::string trade = "T" + std::to_string(++trades);
      for (auto& one : {maker, o}) {
        one->filled += quantity;
        one->status = one->filled == one->quantity ? '2' : '1';
        fills.push_back(Fill{one, trade + (one->side == '1' ? "B" : "S"), trade, quantity, price});
        reportFill(fills.back());
      }
      tellTrade(trade, price, quantity);
      if (maker->status == '2') level->second.pop_front();
      if (level->second.empty()) other.erase(level);
    }
  }

  void take(const std::shared_ptr<Order>& o) {
    Side& s = side(o->side);
    auto level = s.find(o->price);
    if (level == s.end()) return;
    auto& queue = level->second;
    for (auto at = queue.begin(); at != queue.end(); ++at) if (*at == o) { queue.erase(at); break; }
    if (queue.empty()) s.erase(level);
  }
  std::vector<std::shared_ptr<Order>> openOrders() {
    std::vector<std::shared_ptr<Order>> all;
    for (auto& one : orders) if (one.second->open() && one.first == one.second->id) all.push_back(one.second);
    return all;
  }
  void end(const std::shared_ptr<Order>& o, char status, const std::string& text, const std::string& by = "") {
    take(o);
    o->status = status;
    const std::string original = o->id;
    Order told = *o;
    if (!by.empty()) told.id = by;
    report(told, status, by.empty() ? "" : original, text);
  }

  void cancel(const FIX::Message& m) {
    auto found = orders.find(m.getField(41));
    if (found == orders.end()) { cancelReject(m.getField(11), nullptr, '1', "1"); return; }
    if (!found->second->open()) { cancelReject(m.getField(11), found->second.get(), '1', "0"); return; }
    end(found->second, '4', "canceled", m.getField(11));
    publish();
  }
  void replace(const FIX::Message& m) {
    const std::string id = m.getField(11);
    auto found = orders.find(m.getField(41));
    if (found == orders.end()) { cancelReject(id, nullptr, '2', "1"); return; }
    auto o = found->second;
    if (!o->open()) { cancelReject(id, o.get(), '2', "0"); return; }
    const Units quantity = parse(m.getField(38), quantityDecimals), price = parse(m.getField(44), priceDecimals);
    if (quantity <= o->filled) { cancelReject(id, o.get(), '2', "99"); return; }
    const bool keeps = price == o->price && quantity <= o->quantity;
    if (!keeps) take(o);
    const std::string original = o->id;
    o->id = id; o->quantity = quantity; o->price = price;
    orders[id] = o;
    report(*o, '5', original);
    if (!keeps) {
      match(o);
      if (o->open()) side(o->side)[o->price].push_back(o);
    }
    publish();
  }
  void status(const std::string& id) {
    auto found = orders.find(id);
    if (found != orders.end()) { report(*found->second, 'I'); return; }
    Order unknown = {id, "NONE", '1', '0', '8', 0, 0, 0};
    if (autofill && done.count(id)) unknown.status = '2';
    report(unknown, 'I');
  }
  void change(bool bust, const std::string& id, const std::string& price, const std::string& quantity) {
    std::string trade;
    for (auto& fill : fills) if (fill.id == id) trade = fill.trade;
    for (auto& fill : fills) {
      if (fill.trade != trade) continue;
      Order& o = *fill.order;
      const Units before = fill.quantity;
      if (bust) { o.filled -= before; if (o.status == '1' && o.filled == 0) o.status = '0'; }
      else { fill.price = std::stoll(price); fill.quantity = std::stoll(quantity); o.filled += fill.quantity - before; }
      FIX::Message m = reportOf(o, bust ? 'H' : 'G', "R" + std::to_string(++reports));
      m.setField(19, fill.id); m.setField(32, qty(fill.quantity)); m.setField(31, px(fill.price));
      send(m, "8");
    }
    publish();
  }

  void subscribe(const FIX::Message& m) {
    if (m.getField(263) == "2") return;
    marketRequest = m.getField(262);
    FIX::Message w;
    w.setField(262, marketRequest); w.setField(55, symbol); w.setField(83, std::to_string(sequence));
    toldBids = levels(bids); toldOffers = levels(offers);
    w.setField(268, "0");
    for (char s : {'0', '1'}) for (auto& level : s == '0' ? toldBids : toldOffers) {
      FIX::Group entry(268, 269);
      entry.setField(269, std::string(1, s)); entry.setField(270, px(level.first)); entry.setField(271, qty(level.second));
      w.addGroup(entry);
    }
    send(w, "W");
  }
  std::map<Units, Units> levels(const Side& s) {
    std::map<Units, Units> sums;
    for (auto& level : s) for (auto& one : level.second) sums[level.first] += one->quantity - one->filled;
    return sums;
  }
  void entry(FIX::Message& x, char action, char type, Units price, Units quantity, const std::string& id = "") {
    FIX::Group one(268, 279);
    one.setField(279, std::string(1, action)); one.setField(269, std::string(1, type));
    if (!id.empty()) one.setField(278, id);
    one.setField(55, symbol); one.setField(270, px(price)); one.setField(271, qty(quantity));
    one.setField(83, std::to_string(sequence));
    x.addGroup(one);
  }
  void publish() {
    if (marketRequest.empty()) return;
    FIX::Message x;
    x.setField(262, marketRequest);
    sequence++;
    bool any = false;
    for (char s : {'0', '1'}) {
      auto now = levels(s == '0' ? bids : offers);
      auto& told = s == '0' ? toldBids : toldOffers;
      for (auto& level : told) if (!now.count(level.first)) { entry(x, '2', s, level.first, level.second); any = true; }
      for (auto& level : now) {
        auto before = told.find(level.first);
        if (before != told.end() && before->second == level.second) continue;
        entry(x, before == told.end() ? '0' : '1', s, level.first, level.second);
        any = true;
      }
      told = now;
    }
    if (any) send(x, "X");
    else sequence--;
  }
  void tellTrade(const std::string& id, Units price, Units quantity) {
    if (marketRequest.empty()) return;
    FIX::Message x;
    x.setField(262, marketRequest);
    sequence++;
    entry(x, '0', '2', price, quantity, id);
    send(x, "X");
  }
  void tellList(const std::string& request) {
    FIX::Message y;
    y.setField(320, request); y.setField(322, request); y.setField(560, "0"); y.setField(393, "2");
    for (auto& name : {symbol, std::string("OTHER")}) {
      FIX::Group entry(146, 55);
      entry.setField(55, name);
      if (name == symbol) entry.setField(965, "1");
      y.addGroup(entry);
    }
    send(y, "y");
  }
  void tellDefinition(const std::string& request, const std::string& asked) {
    FIX::Message d;
    d.setField(320, request); d.setField(322, request);
    d.setField(323, asked == symbol ? "1" : "6");
    if (asked == symbol) d.setField(55, symbol);
    send(d, "d");
  }
  void tellStatus() {
    FIX::Message f;
    f.setField(55, symbol); f.setField(326, halted ? "2" : "17"); f.setField(58, halted ? "news" : "opened");
    send(f, "f");
  }
};

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  priceDecimals = std::atoi(argv[3]);
  quantityDecimals = std::atoi(argv[4]);
  symbol = argv[5];
  Venue venue(argv[2]);
  venue.autofill = argc > 6;
  venue.readJournal();
  FIX::SessionSettings settings(argv[1]);
  FIX::FileStoreFactory store(settings);
  FIX::SocketAcceptor acceptor(venue, store, settings);
  acceptor.start();
  std::cout << "ready" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) venue.command(line);
  _exit(0);  // The test is gone; nobody is left to log out from.
}
