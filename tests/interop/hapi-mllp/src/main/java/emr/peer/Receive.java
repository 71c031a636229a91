package emr.peer;

import ca.uhn.hl7v2.AcknowledgmentCode;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.app.HL7Service;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.protocol.ReceivingApplication;
import ca.uhn.hl7v2.util.Terser;
import java.io.IOException;
import java.util.Map;

/**
 * Listens for MLLP, prints the control id and the size of every message, and answers it.
 *
 * <p>{@code Receive PORT [CODE] [tls]}: CODE is AA (unless told), CA, AE, AR or {@code none} for a peer that never answers.
 * Prints {@code listening} once the port is open, so that a test knows when to begin; ends when standard input does.
 */
public final class Receive {
  public static void main(String[] args) throws Exception {
    String code = args.length > 1 ? args[1] : "AA";
    boolean tls = args.length > 2 && args[2].equals("tls");
    HapiContext hapi = Peer.context();
    HL7Service service = hapi.newServer(Integer.parseInt(args[0]), tls);
    service.registerApplication(new Answer(code));
    service.startAndWait();
    System.out.println("listening");
    while (System.in.read() >= 0) {}
    System.exit(0); // service.stop() would wait for the peer to close
  }

  private record Answer(String code) implements ReceivingApplication<Message> {
    @Override
    public Message processMessage(Message message, Map<String, Object> about) throws HL7Exception {
      System.out.println(new Terser(message).get("/MSH-10") + " " + about.get("raw-message").toString().length());
      if (code.equals("none")) return sleep();
      try {
        return message.generateACK(AcknowledgmentCode.valueOf(code), code.endsWith("A") ? null : new HL7Exception("told so"));
      } catch (IOException e) {
        throw new HL7Exception(e);
      }
    }

    private static Message sleep() throws HL7Exception {
      try {
        Thread.sleep(Long.MAX_VALUE);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      throw new HL7Exception("interrupted");
    }

    @Override
    public boolean canProcess(Message message) {
      return true;
    }
  }
}
