// What every step of drive.py begins with.
const {MailServices} = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const Flag = Ci.nsMsgFolderFlags;
const window3 = () => Services.wm.getMostRecentWindow("mail:3pane");
const server = () => MailServices.accounts.getAccount("account1").incomingServer;
const inbox = () => server().rootFolder.getFolderWithFlags(Flag.Inbox);
const special = flag => server().rootFolder.getFolderWithFlags(flag);
const named = name => server().rootFolder.descendants.find(folder => folder.name == name);
const mail = folder => [...folder.messages];
const titled = (folder, subject) => mail(folder).find(head => head.mime2DecodedSubject == subject);
const sleep = ms => new Promise(resolve => {
  const timer = Cc["@mozilla.org/timer;1"].createInstance(Ci.nsITimer);
  timer.initWithCallback(() => resolve(timer), ms, Ci.nsITimer.TYPE_ONE_SHOT);
});
// Looks until it is so.
const until = async (what, seen, seconds = 20) => {
  for (let end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) {
    const value = seen();
    if (value) return value;
  }
  throw new Error(`${what}: not within ${seconds} s`);
};
// What an operation of the mail store tells at its end.
const ended = start => new Promise((resolve, reject) => start({
  QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener", "nsIUrlListener"]),
  onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return ""; },
  onStopCopy(status) { Components.isSuccessCode(status) ? resolve() : reject(new Error(`copy: ${status}`)); },
  OnStartRunningUrl() {},
  OnStopRunningUrl(_, status) { Components.isSuccessCode(status) ? resolve() : reject(new Error(`url: ${status}`)); },
}));
